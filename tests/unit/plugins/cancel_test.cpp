#include "support/cancel.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

namespace speedster::plugin {
namespace {

TEST(Stopper, HasNoEffectOutsideAnExecution) {
  int stops = 0;
  Stopper stopper(StopKind::kSticky, [&] { ++stops; });
  stopper.request();
  stopper.begin();
  EXPECT_FALSE(stopper.end());
  stopper.request();
  EXPECT_EQ(stops, 0);
}

TEST(Stopper, StopsOnceInAnExecution) {
  int stops = 0;
  Stopper stopper(StopKind::kSticky, [&] { ++stops; });
  stopper.begin();
  stopper.request();
  stopper.request();
  EXPECT_TRUE(stopper.end());
  EXPECT_EQ(stops, 1);
  stopper.begin();
  EXPECT_FALSE(stopper.end()) << "expected a stop to have no effect on the next execution";
}

/// A vendor that heeds a stop only from its third on.
TEST(Stopper, RepeatsWhatMayBeMissed) {
  std::atomic<int> stops{0};
  Stopper stopper(StopKind::kHeededWhileRunning, [&] { ++stops; });
  stopper.begin();
  std::thread other([&] { stopper.request(); });
  while (stops < 3) std::this_thread::yield();
  EXPECT_TRUE(stopper.end());
  other.join();
  const int seen = stops;
  std::this_thread::sleep_for(std::chrono::milliseconds(5));
  EXPECT_EQ(stops, seen) << "expected no stop after the execution";
}

TEST(TokenWatch, RaisesWhileTheExecutionRunsAndLooksAtNoTokenAfterIt) {
  std::atomic<bool> stopped{false};
  Stopper stopper(StopKind::kSticky, [&] { stopped = true; });
  TokenWatch watch(stopper);
  struct State {
    std::atomic<bool> raised{false};
    std::atomic<int> looks{0};
  } state;
  const sp_token token{&state, [](void* user) {
                         auto& s = *static_cast<State*>(user);
                         ++s.looks;
                         return s.raised.load() ? 1 : 0;
                       }};
  stopper.begin();
  watch.begin(&token);
  while (state.looks < 2) std::this_thread::yield();
  EXPECT_FALSE(stopped);
  state.raised = true;
  while (!stopped) std::this_thread::yield();
  EXPECT_TRUE(stopper.end());
  watch.end();
  const int looks = state.looks;
  std::this_thread::sleep_for(std::chrono::milliseconds(5));
  EXPECT_EQ(state.looks, looks);
}

TEST(TokenWatch, AQuickExecutionIsNotStopped) {
  Stopper stopper(StopKind::kSticky, [] {});
  TokenWatch watch(stopper);
  const sp_token raised{nullptr, [](void*) { return 1; }};
  for (int i = 0; i < 200; ++i) {
    stopper.begin();
    watch.begin(&raised);
    stopper.end();
    watch.end();
    stopper.begin();
    EXPECT_FALSE(stopper.end()) << "expected the token of one execution not to reach the next";
  }
}

}  // namespace
}  // namespace speedster::plugin
