/// A child to be supervised, and the worker's watchdog and exec modes, so that these tests need nothing but the job
/// room.
///     job_child watchdog PARENT TOKEN | exec LIMITS -- ARGV… | MODE [ARGUMENT]
#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <new>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/files.h"
#include "base/json.h"
#include "job/exec.h"
#include "job/supervisor.h"

namespace {

using speedster::Json;
namespace fs = std::filesystem;

constexpr int kRequests = 3, kReplies = 4;

void reply(const std::string& line) {
  const std::string text = line + "\n";
  for (std::size_t sent = 0; sent < text.size();) {
    const ssize_t put = ::write(kReplies, text.data() + sent, text.size() - sent);
    if (put <= 0) std::exit(41);
    sent += static_cast<std::size_t>(put);
  }
}

void reply(const Json& json) { reply(speedster::to_text(json)); }

std::string read_request() {
  static std::string buffer;
  while (buffer.find('\n') == std::string::npos) {
    char piece[65536];
    const ssize_t got = ::read(kRequests, piece, sizeof piece);
    if (got <= 0) return {};
    buffer.append(piece, static_cast<std::size_t>(got));
  }
  const std::size_t end = buffer.find('\n');
  std::string line = buffer.substr(0, end);
  buffer.erase(0, end + 1);
  return line;
}

[[noreturn]] void hang() {
  while (true) ::pause();
}

/// Touches memory piece by piece; a refusal is std::bad_alloc.
void eat_memory() {
  constexpr std::size_t kPiece = std::size_t{8} << 20U;
  std::vector<char*> pieces;
  while (true) {
    auto* piece = new char[kPiece];
    std::memset(piece, 1, kPiece);
    pieces.push_back(piece);
  }
}

/// Shared memory is beyond RLIMIT_DATA: only a watcher of resident size sees it.
[[noreturn]] void eat_shared_memory() {
  constexpr std::size_t kPiece = std::size_t{8} << 20U;
  while (true) {
    void* piece = ::mmap(nullptr, kPiece, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (piece == MAP_FAILED) std::exit(42);
    std::memset(piece, 1, kPiece);
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
}

/// A grandchild that leaves parent, group and session, as daemons and compiler servers do.
pid_t spawn_runaway() {
  int ends[2];
  if (::pipe(ends) != 0) std::exit(43);
  if (::fork() == 0) {
    ::setsid();
    if (::fork() == 0) {
      const pid_t self = ::getpid();
      if (::write(ends[1], &self, sizeof self) != sizeof self) std::exit(44);
      hang();
    }
    ::_exit(0);
  }
  pid_t runaway = 0;
  if (::read(ends[0], &runaway, sizeof runaway) != sizeof runaway) std::exit(45);
  ::close(ends[0]);
  ::close(ends[1]);
  return runaway;
}

pid_t spawn_in_group() {
  const pid_t pid = ::fork();
  if (pid == 0) {
    volatile unsigned spin = 0;
    while (true) spin = spin + 1;
  }
  return pid;
}

/// What a child sees of itself.
Json describe_self() {
  rlimit data{}, core{};
  ::getrlimit(RLIMIT_DATA, &data);
  ::getrlimit(RLIMIT_CORE, &core);
  int death_signal = 0;
  ::prctl(PR_GET_PDEATHSIG, &death_signal);
  Json variables = Json::object();
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    variables[text.substr(0, text.find('='))] = text.substr(text.find('=') + 1);
  }
  std::vector<int> open;
  for (int fd = 0; fd < 256; ++fd)
    if (::fcntl(fd, F_GETFD) >= 0) open.push_back(fd);
  char directory[4096] = {};
  if (::getcwd(directory, sizeof directory) == nullptr) std::exit(46);
  cpu_set_t processors;
  ::sched_getaffinity(0, sizeof processors, &processors);
  sigset_t blocked;
  ::sigprocmask(SIG_SETMASK, nullptr, &blocked);
  return {{"ok", true},
          {"data", data.rlim_cur},
          {"core", core.rlim_cur},
          {"death_signal", death_signal},
          {"environment", variables},
          {"descriptors", open},
          {"directory", directory},
          {"group", ::getpgrp() == ::getpid()},
          {"nice", ::getpriority(PRIO_PROCESS, 0)},
          {"processors", CPU_COUNT(&processors)},
          {"sigterm_blocked", sigismember(&blocked, SIGTERM)}};
}

int serve() {
  while (true) {
    const std::string line = read_request();
    if (line.empty()) return 0;
    const Json request = Json::parse(line);
    const std::string op = request.value("op", "echo");
    if (op == "echo") reply(Json{{"ok", true}, {"echo", request}});
    if (op == "self") reply(describe_self());
    if (op == "progress") {
      for (int i = 0; i < 3; ++i) reply(Json{{"progress", i / 3.0}, {"message", "step " + std::to_string(i)}});
      reply(Json{{"ok", true}});
    }
    if (op == "fail")
      reply(Json{{"ok", false},
                 {"error", {{"kind", 4}, {"message", "[vendor] expected less, got more"}, {"vendor_code", 77}}}});
    if (op == "rubbish") reply(std::string("vendor: hello, this is no JSON"));
    if (op == "array") reply(std::string("[1, 2]"));
    if (op == "endless") {
      const std::string x(1 << 16, 'x');
      while (::write(kReplies, x.data(), x.size()) > 0) {
      }
      return 47;
    }
    if (op == "close") {
      ::close(kReplies);
      ::close(kRequests);
      hang();
    }
    if (op == "quit_silently") return 5;
    if (op == "reply_and_quit") {
      reply(Json{{"ok", true}});
      return 0;
    }
    if (op == "crash") std::abort();
    if (op == "hang") hang();
    if (op == "stop") {
      ::raise(SIGSTOP);
      reply(Json{{"ok", true}});
    }
    if (op == "runaway") reply(Json{{"ok", true}, {"pid", spawn_runaway()}});
    if (op == "member") reply(Json{{"ok", true}, {"pid", spawn_in_group()}});
    if (op == "spin") {
      const double until = speedster::now_seconds() + request.value("seconds", 0.1);
      while (speedster::now_seconds() < until) {
      }
      reply(Json{{"ok", true}});
    }
    if (op == "read_extra") {
      char text[64] = {};
      const ssize_t got = ::pread(request.value("descriptor", 5), text, sizeof text - 1, 0);
      reply(Json{{"ok", true}, {"text", std::string(text, static_cast<std::size_t>(std::max<ssize_t>(got, 0)))}});
    }
  }
}

/// A step: options.do says what; each run leaves a line in the file options.count, wherever that is.
int run_job(const std::string& directory) {
  const fs::path folder = directory;
  const auto text = speedster::read_file(folder / "request.json");
  if (!text) return 50;
  const Json request = Json::parse(*text), options = request["options"];
  if (options.contains("count")) std::ofstream(options.value("count", ""), std::ios::app) << "run\n";
  const std::string action = options.value("do", "copy");
  const fs::path model = folder / request["inputs"].value("model", "none"), out = folder / "out" / "model.bin";
  auto finish = [&](const Json& result, int code) {
    std::ofstream(folder / "result.json") << result.dump();
    return code;
  };
  if (action == "copy") {
    reply(Json{{"progress", 0.5}, {"message", "half"}});
    std::this_thread::sleep_for(std::chrono::milliseconds(options.value("sleep_ms", 0)));
    fs::copy_file(model, out);
    return finish({{"ok", true}, {"files", {{"model", "out/model.bin"}}}}, 0);
  }
  if (action == "grow") {
    std::ofstream(out) << std::string(options.value("bytes", 1000U), 'x');
    return finish({{"ok", true}, {"files", {{"model", "out/model.bin"}}}}, 0);
  }
  if (action == "list") {
    Json seen = Json::object();
    for (const auto& entry : fs::recursive_directory_iterator(folder / "inputs"))
      if (entry.is_regular_file()) {
        struct stat status{};
        ::stat(entry.path().c_str(), &status);
        seen[entry.path().lexically_relative(folder).string()] = status.st_nlink;
      }
    return finish({{"ok", true}, {"files", Json::object()}, {"seen", seen}}, 0);
  }
  if (action == "fail") return finish({{"ok", false}, {"error", {{"kind", 4}, {"message", "[vendor] no"}}}}, 1);
  if (action == "crash") std::abort();
  if (action == "hang") hang();
  if (action == "silent") return 0;
  if (action == "rubbish") {
    std::ofstream(folder / "result.json") << "{\"ok\": tru";
    return 0;
  }
  if (action == "lie") return finish({{"ok", true}, {"files", {{"model", "out/not-there"}}}}, 0);
  if (action == "escape") return finish({{"ok", true}, {"files", {{"model", "../../../../etc/passwd"}}}}, 0);
  if (action == "said") {
    reply(Json{{"ok", false}, {"error", {{"kind", 10}, {"message", "[disk] full"}}}});
    return 1;
  }
  return 51;
}

int act(const std::string& mode, const std::string& argument) {
  if (mode == "serve") return serve();
  if (mode == "job") return run_job(argument);
  if (mode == "ok") return 0;
  if (mode == "say") {
    std::printf("%s\n", argument.c_str());
    return 0;
  }
  if (mode == "exit") return std::atoi(argument.c_str());
  if (mode == "crash") ::raise(SIGSEGV);
  if (mode == "abort") std::abort();
  if (mode == "hang") hang();
  if (mode == "stubborn") {
    for (const int signal : {SIGTERM, SIGINT, SIGHUP}) ::signal(signal, SIG_IGN);
    hang();
  }
  if (mode == "stopped") {
    ::raise(SIGSTOP);
    hang();
  }
  if (mode == "memory") eat_memory();  // std::bad_alloc ends the process by abort, as in a vendor that catches nothing
  if (mode == "shared_memory") eat_shared_memory();
  if (mode == "polite_memory") {
    try {
      eat_memory();
    } catch (const std::bad_alloc&) {
      return speedster::job::kOutOfMemoryExit;
    }
  }
  if (mode == "runaway_then_exit") {
    std::printf("%d\n", spawn_runaway());
    return 0;
  }
  if (mode == "chatter") {
    for (int i = 0; i < 20000; ++i) reply(Json{{"progress", 0.5}, {"message", std::string(100, 'x')}});
    return 0;
  }
  if (mode == "flood") {
    const std::string line(1 << 16, 'x');
    while (true)
      if (::write(1, line.data(), line.size()) < 0) return 48;
  }
  std::fprintf(stderr, "unknown mode %s\n", mode.c_str());
  return 64;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  if (words.empty()) return 64;
  if (words[0] == "watchdog" && words.size() == 3)
    return speedster::job::watchdog_main(3, std::atoi(words[1].c_str()), words[2]);
  if (words[0] == "exec") {
    const auto limited = speedster::job::limit_self(std::span(words).subspan(1));
    if (!limited) {
      std::fprintf(stderr, "%s\n", limited.error().message().c_str());
      return 64;
    }
    return speedster::job::become(*limited);
  }
  return act(words[0], words.size() > 1 ? words[1] : "");
}
