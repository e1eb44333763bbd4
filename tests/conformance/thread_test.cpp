/// Many callers: one context each, any number on one model, several models on one instance.
#include <atomic>
#include <thread>

#include "conformance/harness.h"

namespace speedster::conformance {
namespace {

namespace models = testing::models;

constexpr int kThreads = 8;

/// Runs body(thread) on kThreads threads; failures are counted there and reported here.
template <typename Body>
void on_threads(Body body) {
  std::atomic<int> failures{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&failures, &body, t] {
      try {
        if (!body(t)) ++failures;
      } catch (...) {
        ++failures;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(failures.load(), 0) << "expected every thread to get its own answers";
}

TEST(Threads, ManyContextsOnOneModel) {
  const auto path = save(models::mlp(), "mlp");
  Model model;
  ASSERT_OK(tested().load(path, {{"contexts", std::to_string(kThreads)}}, model));
  std::vector<HostTensor> inputs, expected;
  for (int t = 0; t < kThreads; ++t) {
    inputs.push_back(random_tensor({1 + t % 3, 16}, 100U + static_cast<std::uint64_t>(t)));
    expected.push_back(run_once(oracle(), path, {inputs.back()})[0]);
  }
  on_threads([&](int t) {
    Context context;
    if (!context.open(model).ok()) return false;
    std::vector<HostTensor> own = {inputs[static_cast<std::size_t>(t)]}, outputs;
    for (int i = 0; i < 100; ++i) {
      if (!context.run(own, outputs).ok() || !near(outputs[0], expected[static_cast<std::size_t>(t)], 1e-5, 1e-5))
        return false;
    }
    return true;
  });
}

TEST(Threads, MoreContextsThanProvidedFor) {
  const auto path = save(models::mlp(), "mlp");
  Model model;
  ASSERT_OK(tested().load(path, {{"contexts", "1"}}, model));
  const auto input = random_tensor({2, 16}, 5);
  const auto expected = run_once(oracle(), path, {input})[0];
  on_threads([&](int) {
    Context context;
    std::vector<HostTensor> own = {input}, outputs;
    return context.open(model).ok() && context.run(own, outputs).ok() && near(outputs[0], expected, 1e-5, 1e-5);
  });
}

TEST(Threads, ContextsComeAndGo) {
  Model model;
  ASSERT_OK(tested().load(save(models::mlp(), "mlp"), {}, model));
  on_threads([&](int t) {
    for (int i = 0; i < 20; ++i) {
      Context context;
      std::vector<HostTensor> own = {random_tensor({1 + (t + i) % 4, 16}, 1)}, outputs;
      if (!context.open(model).ok() || !context.run(own, outputs).ok()) return false;
    }
    return true;
  });
}

TEST(Threads, ModelsComeAndGo) {
  const auto path = save(models::mlp(), "mlp");
  const auto input = random_tensor({2, 16}, 5);
  const auto expected = run_once(oracle(), path, {input})[0];
  on_threads([&](int) {
    for (int i = 0; i < 3; ++i) {
      Model model;
      Context context;
      std::vector<HostTensor> own = {input}, outputs;
      if (!tested().load(path, {}, model).ok() || !context.open(model).ok() || !context.run(own, outputs).ok())
        return false;
      if (!near(outputs[0], expected, 1e-5, 1e-5)) return false;
    }
    return true;
  });
}

TEST(Threads, ContextOpenedHereRunsThere) {
  Model model;
  const auto path = save(models::mlp(), "mlp");
  ASSERT_OK(tested().load(path, {}, model));
  Context context;
  ASSERT_OK(context.open(model));
  std::vector<HostTensor> inputs = {random_tensor({2, 16}, 5)}, outputs;
  Status status;
  std::thread([&] { status = context.run(inputs, outputs); }).join();
  ASSERT_OK(status);
  EXPECT_TRUE(near(outputs[0], run_once(oracle(), path, {inputs[0]})[0], 1e-5, 1e-5));
}

TEST(Threads, FailuresStayWithTheirCaller) {
  const auto path = save(models::mlp(), "mlp");
  Model model;
  ASSERT_OK(tested().load(path, {}, model));
  const auto input = random_tensor({2, 16}, 5);
  const auto expected = run_once(oracle(), path, {input})[0];
  on_threads([&](int t) {
    Context context;
    if (!context.open(model).ok()) return false;
    for (int i = 0; i < 50; ++i) {
      if (t % 2 == 0) {
        HostTensor wrong = random_tensor({2, 15}, 1);
        if (context.bind_input(0, wrong).code != SP_SHAPE) return false;
      } else {
        std::vector<HostTensor> own = {input}, outputs;
        if (!context.run(own, outputs).ok() || !near(outputs[0], expected, 1e-5, 1e-5)) return false;
      }
    }
    return true;
  });
}

}  // namespace
}  // namespace speedster::conformance
