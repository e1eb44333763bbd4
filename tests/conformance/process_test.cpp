/// What a plug-in must leave alone: standard output, signal handlers, the environment, the working directory, the
/// locale and the floating-point mode.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cfenv>
#include <clocale>
#include <csignal>
#include <cstdio>
#include <set>
#include <string>

#include "conformance/harness.h"

extern char** environ;

namespace speedster::conformance {
namespace {

namespace models = testing::models;

/// A bit of everything: good and bad loads, executions, stats.
void use_backend() {
  std::vector<HostTensor> inputs = {random_tensor({2, 16}, 1)};
  EXPECT_EQ(run_once(tested(), save(models::mlp(), "mlp"), inputs).size(), 1U);
  Model model;
  EXPECT_FALSE(tested().load(save(models::strings(), "strings"), {}, model).ok());
  EXPECT_FALSE(tested().load(save(models::unknown_operator(), "unknown_operator"), {}, model).ok());
  EXPECT_OK(tested().load(save(models::qdq_mlp(), "qdq_mlp"), {}, model));
  EXPECT_TRUE(model.stats().is_object());
  sp_instance* instance = nullptr;
  EXPECT_OK(take(tested().table().open(
      nullptr, OptionList(suite().library.empty() ? Options{} : Options{{"library", suite().library}}).get(),
      &instance)));
  tested().table().close(instance);
}

TEST(Process, NothingOnStandardOutput) {
  std::fflush(stdout);
  const auto path = suite().folder / "stdout.txt";
  const int saved = ::dup(STDOUT_FILENO), file = ::open(path.c_str(), O_CREAT | O_TRUNC | O_WRONLY, 0600);
  ASSERT_GE(saved, 0);
  ASSERT_GE(file, 0);
  ::dup2(file, STDOUT_FILENO);
  use_backend();
  std::fflush(stdout);
  ::dup2(saved, STDOUT_FILENO);
  ::close(saved);
  ::close(file);
  EXPECT_EQ(std::filesystem::file_size(path), 0U) << "expected nothing, got what lies in " << path;
}

TEST(Process, IsLeftAsItWas) {
  struct State {
    std::string directory = std::filesystem::current_path(), locale = std::setlocale(LC_ALL, nullptr);
    std::set<std::string> environment;
    std::map<int, void*> handlers;
    int rounding = std::fegetround();
    unsigned mask = 0;
    State() {
      for (char** entry = environ; *entry != nullptr; ++entry) environment.insert(*entry);
      for (int signal = 1; signal < 32; ++signal) {
        struct sigaction action{};
        if (::sigaction(signal, nullptr, &action) == 0) handlers[signal] = reinterpret_cast<void*>(action.sa_sigaction);
      }
      mask = ::umask(0);
      ::umask(mask);
    }
  };
  const State before;
  use_backend();
  const State after;
  EXPECT_EQ(after.directory, before.directory);
  EXPECT_EQ(after.locale, before.locale);
  EXPECT_EQ(after.environment, before.environment);
  EXPECT_EQ(after.handlers, before.handlers) << "expected no signal handler to be installed";
  EXPECT_EQ(after.rounding, before.rounding);
  EXPECT_EQ(after.mask, before.mask);
}

}  // namespace
}  // namespace speedster::conformance
