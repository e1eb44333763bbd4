/// Cancelling: it ends the running execution of its own context, and nothing else, now or later.
#include <atomic>
#include <chrono>
#include <thread>

#include "conformance/harness.h"

namespace speedster::conformance {
namespace {

namespace models = testing::models;
using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

/// A model and an input that keep this backend busy for at least half a second.
class Cancel : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK(tested().load(save(models::long_chain(40), "long_chain"), {}, model_));
    ASSERT_OK(context_.open(model_));
    for (std::int64_t n = 96; n <= 4096; n = n * 3 / 2) {
      input_ = random_tensor({n, n}, 1);
      ASSERT_OK(context_.bind_input(0, input_));
      const auto start = Clock::now();
      ASSERT_OK(context_.execute());
      seconds_ = seconds_since(start);
      if (seconds_ > 0.5) break;
    }
    ASSERT_GT(seconds_, 0.5) << "expected a size that takes long enough to be cancelled";
    ASSERT_OK(context_.output(0, expected_));
  }
  void expect_usable() {
    HostTensor again;
    ASSERT_OK(context_.execute()) << "expected a cancellation to have no effect on a later execution";
    ASSERT_OK(context_.output(0, again));
    EXPECT_TRUE(near(again, expected_, 1e-6, 1e-4));
  }

  Model model_;
  Context context_;
  HostTensor input_, expected_;
  double seconds_ = 0;
};

TEST_F(Cancel, EndsTheRunningExecution) {
  Status status;
  const auto start = Clock::now();
  std::thread runner([&] { status = context_.execute(); });
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  ASSERT_OK(take(tested().table().cancel(context_.get())));
  runner.join();
  EXPECT_EQ(status.code, SP_CANCELLED) << status;
  EXPECT_LT(seconds_since(start), 0.1 + 0.8 * seconds_) << "expected it to end early";
  HostTensor result;
  EXPECT_FALSE(context_.output(0, result).ok()) << "expected no output of a cancelled execution";
  expect_usable();
}

TEST_F(Cancel, WithNothingRunningHasNoEffect) {
  ASSERT_OK(take(tested().table().cancel(context_.get())));
  ASSERT_OK(take(tested().table().cancel(context_.get())));
  expect_usable();
}

TEST_F(Cancel, LeavesOtherContextsAlone) {
  Context other;
  ASSERT_OK(other.open(model_));
  ASSERT_OK(other.bind_input(0, input_));
  Status cancelled, undisturbed;
  std::thread first([&] { cancelled = context_.execute(); });
  std::thread second([&] { undisturbed = other.execute(); });
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  ASSERT_OK(take(tested().table().cancel(context_.get())));
  first.join();
  second.join();
  EXPECT_EQ(cancelled.code, SP_CANCELLED) << cancelled;
  EXPECT_OK(undisturbed);
  HostTensor result;
  ASSERT_OK(other.output(0, result));
  EXPECT_TRUE(near(result, expected_, 1e-6, 1e-4));
}

TEST_F(Cancel, ByATokenRaisedBefore) {
  const sp_token raised{nullptr, [](void*) { return 1; }};
  EXPECT_CODE(SP_CANCELLED, context_.execute(&raised));
  expect_usable();
}

TEST_F(Cancel, ByATokenRaisedMeanwhile) {
  std::atomic<bool> flag{false};
  const sp_token token{&flag, [](void* user) { return static_cast<std::atomic<bool>*>(user)->load() ? 1 : 0; }};
  Status status;
  const auto start = Clock::now();
  std::thread runner([&] { status = context_.execute(&token); });
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  flag = true;
  runner.join();
  EXPECT_EQ(status.code, SP_CANCELLED) << status;
  EXPECT_LT(seconds_since(start), 0.1 + 0.8 * seconds_) << "expected it to end early";
  expect_usable();
}

TEST_F(Cancel, AQuietTokenChangesNothing) {
  const sp_token quiet{nullptr, [](void*) { return 0; }};
  EXPECT_OK(context_.execute(&quiet));
  expect_usable();
}

/// A storm of cancels around short executions: each ends well or cancelled, and the last one ends well.
TEST(CancelRace, NeverReachesALaterExecution) {
  Model model;
  ASSERT_OK(tested().load(save(models::mlp(), "mlp"), {}, model));
  Context context;
  ASSERT_OK(context.open(model));
  HostTensor input = random_tensor({1, 16}, 1);
  ASSERT_OK(context.bind_input(0, input));
  std::atomic<bool> stop{false};
  std::thread canceller([&] {
    while (!stop) EXPECT_OK(take(tested().table().cancel(context.get())));
  });
  int other = 0;
  for (int i = 0; i < 2000; ++i) {
    const Status status = context.execute();
    other += !status.ok() && status.code != SP_CANCELLED;
  }
  stop = true;
  canceller.join();
  EXPECT_EQ(other, 0) << "expected only successes and cancellations";
  EXPECT_OK(context.execute());
}

struct Completion {
  std::atomic<int> calls{0};
  Status status;
};
void complete(void* user, sp_error* error) {
  auto* completion = static_cast<Completion*>(user);
  completion->status = take(error);
  ++completion->calls;
}

/// A plug-in runs asynchronously or says that it cannot; it never does neither.
TEST(Asynchronous, CompletesOnceOrIsRefused) {
  Model model;
  ASSERT_OK(tested().load(save(models::mlp(), "mlp"), {}, model));
  Context context;
  ASSERT_OK(context.open(model));
  HostTensor input = random_tensor({1, 16}, 1), result;
  ASSERT_OK(context.bind_input(0, input));
  Completion completion;
  sp_run run{};
  run.size = sizeof(run);
  run.done = complete;
  run.user = &completion;
  const Status status = take(tested().table().execute(context.get(), &run));
  if (!status.ok()) {
    EXPECT_EQ(status.code, SP_UNSUPPORTED) << status;
    EXPECT_EQ(completion.calls, 0);
    return;
  }
  for (int i = 0; i < 5000 && completion.calls == 0; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  ASSERT_EQ(completion.calls, 1);
  EXPECT_OK(completion.status);
  EXPECT_OK(context.output(0, result));
}

}  // namespace
}  // namespace speedster::conformance
