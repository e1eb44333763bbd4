/// The test double: what each fault does at each place.
#include <chrono>
#include <cmath>
#include <csignal>

#include "unit/reference/single_node.h"

namespace speedster::reference_test {
namespace {

namespace models = testing::models;

struct Loaded {
  Model model;
  Context context;
  HostTensor input = random_tensor({2, 16}, 1);
  explicit Loaded(const Options& options) {
    EXPECT_OK(tested().load(save(models::mlp(), "mlp"), options, model));
    EXPECT_OK(context.open(model));
    EXPECT_OK(context.bind_input(0, input));
  }
};

TEST(FaultDeathTest, EndsTheProcessWhereItIsTold) {
  ::testing::FLAGS_gtest_death_test_style = "threadsafe";
  const auto path = save(models::mlp(), "mlp");
  const auto load = [&](const Options& options) {
    Model model;
    tested().load(path, options, model);
  };
  EXPECT_EXIT(load({{"fault", "crash"}, {"fault_at", "load"}}), ::testing::KilledBySignal(SIGSEGV), "");
  EXPECT_EXIT(load({{"fault", "abort"}, {"fault_at", "load"}}), ::testing::KilledBySignal(SIGABRT), "");
  EXPECT_EXIT(load({{"fault", "exit"}, {"fault_at", "load"}}), ::testing::ExitedWithCode(0), "");
  EXPECT_EXIT((void)Loaded(Options{{"fault", "crash"}}).context.execute(), ::testing::KilledBySignal(SIGSEGV), "");
}

TEST(Fault, ErrorAtEveryPlace) {
  const sp_backend& table = tested().table();
  sp_instance* instance = nullptr;
  EXPECT_CODE(SP_VENDOR,
              take(table.open(nullptr, conformance::OptionList(Options{{"fault", "error"}, {"fault_at", "open"}}).get(),
                              &instance)));

  ASSERT_OK(take(table.open(nullptr, conformance::OptionList(Options{{"fault", "error"}, {"fault_at", "probe"}}).get(),
                            &instance)));
  conformance::Text text;
  EXPECT_CODE(SP_VENDOR, take(table.probe(instance, text.sink())));
  table.close(instance);

  const auto path = save(models::mlp(), "mlp");
  const auto folder = suite().folder / "artifact";
  EXPECT_CODE(SP_VENDOR,
              take(table.compile(tested().get(), path.c_str(), "onnx",
                                 conformance::OptionList(Options{{"fault", "error"}, {"fault_at", "compile"}}).get(),
                                 folder.c_str(), nullptr, text.sink())));
  Model model;
  EXPECT_CODE(SP_VENDOR, tested().load(path, {{"fault", "error"}, {"fault_at", "load"}}, model));
}

TEST(Fault, VendorCodeIsPassedOn) {
  Loaded loaded(Options{{"fault", "error"}});
  sp_error* error = tested().table().execute(loaded.context.get(), nullptr);
  ASSERT_NE(error, nullptr);
  EXPECT_EQ(error->vendor_code, 42);
  error->release(error);
}

TEST(Fault, TheNthExecutionAlone) {
  Loaded loaded(Options{{"fault", "error"}, {"fault_at", "execute:3"}});
  EXPECT_OK(loaded.context.execute());
  EXPECT_OK(loaded.context.execute());
  EXPECT_CODE(SP_VENDOR, loaded.context.execute());
  EXPECT_OK(loaded.context.execute());
}

TEST(Fault, HangEndsWithTheToken) {
  Loaded loaded(Options{{"fault", "hang"}});
  int polls = 0;
  const sp_token token{&polls, [](void* user) { return ++*static_cast<int*>(user) > 5 ? 1 : 0; }};
  EXPECT_CODE(SP_CANCELLED, loaded.context.execute(&token));
  EXPECT_GT(polls, 5);
}

TEST(Fault, MemoryStopsAtItsBound) {
  Loaded loaded(Options{{"fault", "memory"}, {"fault_mb", "64"}});
  EXPECT_CODE(SP_MEMORY, loaded.context.execute());
}

TEST(Fault, WrongAndNanOutputs) {
  HostTensor right, wrong, nan;
  Loaded good(Options{}), bad(Options{{"fault", "wrong"}}), worse(Options{{"fault", "nan"}});
  for (auto [loaded, result] : {std::pair{&good, &right}, {&bad, &wrong}, {&worse, &nan}}) {
    ASSERT_OK(loaded->context.execute());
    ASSERT_OK(loaded->context.output(0, *result));
  }
  EXPECT_FALSE(near(wrong, right, 0.1, 0.1));
  for (std::int64_t i = 0; i < nan.count(); ++i) EXPECT_TRUE(std::isnan(nan.as<float>()[i]));
}

/// The caller's input is an output of this model: spoiling the output must leave the input alone.
TEST(Fault, WrongOutputsLeaveInputsAlone) {
  OnnxWriter writer;
  writer.input("x", OnnxType::kFloat, {3}).output("y", OnnxType::kFloat, {3}).node("Identity", {"x"}, {"y"});
  Model model;
  ASSERT_OK(tested().load(save(writer, "identity"), {{"fault", "nan"}}, model));
  Context context;
  ASSERT_OK(context.open(model));
  HostTensor x = floats({3}, {1, 2, 3});
  ASSERT_OK(context.bind_input(0, x));
  ASSERT_OK(context.execute());
  EXPECT_TENSOR(x, floats({3}, {1, 2, 3}));
}

TEST(Double, ErrorIsRelativeAndRepeats) {
  HostTensor right, off, again;
  Loaded exact(Options{}), inexact(Options{{"error", "0.01"}});
  ASSERT_OK(exact.context.execute());
  ASSERT_OK(exact.context.output(0, right));
  ASSERT_OK(inexact.context.execute());
  ASSERT_OK(inexact.context.output(0, off));
  ASSERT_OK(inexact.context.execute());
  ASSERT_OK(inexact.context.output(0, again));
  EXPECT_TRUE(near(off, again, 0, 0));
  for (std::int64_t i = 0; i < right.count(); ++i)
    EXPECT_NEAR(off.as<float>()[i] / right.as<float>()[i], i % 2 == 0 ? 1.01 : 0.99, 1e-5);
}

TEST(Double, StatsSayWhatTheyAreTold) {
  EXPECT_EQ(Loaded(Options{}).model.stats()["precision"], "f32");
  EXPECT_EQ(Loaded(Options{{"report_precision", "unknown"}}).model.stats()["precision"], "unknown");
  EXPECT_EQ(Loaded(Options{{"precision", "bf16"}}).model.stats()["precision"], "bf16");
  const auto heavy = Loaded(Options{{"memory_mb", "8"}}).model.stats();
  const auto light = Loaded(Options{}).model.stats();
  EXPECT_EQ(heavy["bytes"].get<std::int64_t>() - light["bytes"].get<std::int64_t>(), 8 << 20);
}

TEST(Double, LoadTakesItsTimeAndCanBeCancelled) {
  const auto path = save(models::mlp(), "mlp");
  Model model;
  const auto start = std::chrono::steady_clock::now();
  ASSERT_OK(tested().load(path, {{"load_delay_ms", "30"}}, model));
  EXPECT_GE(std::chrono::steady_clock::now() - start, std::chrono::milliseconds(30));
  int polls = 0;
  const sp_token token{&polls, [](void* user) { return ++*static_cast<int*>(user) > 5 ? 1 : 0; }};
  EXPECT_CODE(SP_CANCELLED, tested().load(path, {{"load_delay_ms", "600000"}}, model, &token));
}

TEST(Precision, ResultsHaveTheBitsOfTheType) {
  for (const auto& [name, mantissa] : {std::pair{"bf16", 7}, {"fp16", 10}}) {
    Loaded loaded(Options{{"precision", name}});
    HostTensor result;
    ASSERT_OK(loaded.context.execute());
    ASSERT_OK(loaded.context.output(0, result));
    for (std::int64_t i = 0; i < result.count(); ++i) {
      const float value = result.as<float>()[i];
      const double scaled = std::ldexp(value, mantissa - std::ilogb(value));
      EXPECT_EQ(scaled, std::nearbyint(scaled)) << name << " " << value;
    }
  }
}

TEST(Profile, CountsEveryNode) {
  Loaded loaded(Options{});
  ASSERT_OK(loaded.context.execute());
  conformance::Text text;
  ASSERT_OK(take(tested().table().profile(loaded.context.get(), text.sink())));
  const auto profile = text.json();
  ASSERT_EQ(profile["nodes"].size(), 3U) << text.text();
  EXPECT_EQ(profile["nodes"][0]["name"], "fc1");
  EXPECT_GT(profile["nodes"][0]["seconds"].get<double>(), 0);
  EXPECT_EQ(profile["executions"], 1);
}

}  // namespace
}  // namespace speedster::reference_test
