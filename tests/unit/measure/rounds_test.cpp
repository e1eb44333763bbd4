#include "measure/rounds.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "fake_machine.h"

namespace speedster::measure {
namespace {

class RoundsTest : public ::testing::Test {
 protected:
  Seat& seat(const FakeModel& model = {}) {
    seats_.push_back(std::make_unique<Seat>());
    seats_.back()->runner = std::make_unique<FakeRunner>(machine_, std::make_shared<FakeModel>(model));
    seats_.back()->name = "seat " + std::to_string(seats_.size());
    seats_.back()->call_seconds = model.call_seconds;
    return *seats_.back();
  }
  std::vector<Seat*> all() const {
    std::vector<Seat*> pointers;
    for (const auto& one : seats_) pointers.push_back(one.get());
    return pointers;
  }

  FakeMachine machine_{Noise{}, 1};
  Policy policy_ = machine_.on({});
  CancelToken cancel_;
  ForeignShare quiet_ = [] { return 0.0; };
  std::vector<std::unique_ptr<Seat>> seats_;
};

TEST_F(RoundsTest, OneBlockOfEach) {
  seat({.call_seconds = 0.01});
  seat({.call_seconds = 0.03});
  Rounds rounds(policy_, quiet_, {}, cancel_);
  const auto round = rounds.run(all());
  ASSERT_TRUE(round.blocks[0] && round.blocks[1]);
  EXPECT_NEAR(round.blocks[0]->value, 0.01, 1e-12);
  EXPECT_NEAR(round.blocks[1]->value, 0.03, 1e-12);
  EXPECT_EQ(round.ended, Ended::kNot);
  EXPECT_EQ(rounds.kept(), 1);
  EXPECT_EQ(rounds.dropped(), 0);
}

TEST_F(RoundsTest, OrderIsRandomAndFollowsTheSeed) {
  const auto orders = [this](std::uint64_t seed) {
    std::string text;
    policy_.seed = seed;
    Rounds rounds(policy_, quiet_, {}, cancel_);
    for (int r = 0; r < 20; ++r) {
      std::vector<int> order = {0, 1, 2};
      rounds.shuffle(order);
      for (const int i : order) text += std::to_string(i);
      text += ' ';
    }
    return text;
  };
  EXPECT_EQ(orders(7), orders(7));
  EXPECT_NE(orders(7), orders(8));
}

TEST_F(RoundsTest, DisturbedRoundIsDroppedWholeAndRepeated) {
  seat();
  seat();
  int calls = 0;
  // Asked before and after each round: the first two rounds are disturbed.
  const ForeignShare foreign = [&calls] { return ++calls <= 4 ? 0.06 : 0.04; };
  Rounds rounds(policy_, foreign, {}, cancel_);
  EXPECT_EQ(rounds.run(all()).ended, Ended::kNot);
  EXPECT_EQ(rounds.kept(), 1);
  EXPECT_EQ(rounds.dropped(), 2);
  EXPECT_EQ(machine_.blocks, 6);
  EXPECT_TRUE(rounds.busy());
}

TEST_F(RoundsTest, MajorFaultsDropARound) {
  auto model = std::make_shared<FakeModel>();
  model->major_faults = 1;
  seat();
  seats_.back()->runner = std::make_unique<FakeRunner>(machine_, model);
  int calls = 0;
  const ForeignShare foreign = [&] {
    if (++calls == 3) model->major_faults = 0;
    return 0.0;
  };
  Rounds rounds(policy_, foreign, {}, cancel_);
  rounds.run(all());
  EXPECT_EQ(rounds.dropped(), 1);
  EXPECT_EQ(rounds.kept(), 1);
}

TEST_F(RoundsTest, AlwaysBusyMachineIsMeasuredAsItIs) {
  seat({.call_seconds = 0.001});
  policy_.max_dropped_seconds = 1e9;
  const ForeignShare foreign = [] { return 0.5; };
  Rounds rounds(policy_, foreign, {}, cancel_);
  EXPECT_TRUE(rounds.run(all()).blocks[0]);
  EXPECT_EQ(rounds.dropped(), 20);
  // It does not wait again: nothing has become better.
  EXPECT_TRUE(rounds.run(all()).blocks[0]);
  EXPECT_EQ(rounds.dropped(), 20);
  EXPECT_EQ(rounds.kept(), 2);
  EXPECT_TRUE(rounds.busy());
}

TEST_F(RoundsTest, DroppingEndsAfterSomeSecondsToo) {
  seat({.call_seconds = 0.5});
  const ForeignShare foreign = [] { return 0.5; };
  Rounds rounds(policy_, foreign, {}, cancel_);
  EXPECT_TRUE(rounds.run(all()).blocks[0]);
  EXPECT_GE(rounds.dropped(), 3);
  EXPECT_LT(rounds.dropped(), 6);
}

TEST_F(RoundsTest, OneCleanRoundEndsTheGivingIn) {
  seat({.call_seconds = 0.001});
  bool busy = true;
  const ForeignShare foreign = [&busy] { return busy ? 0.5 : 0.0; };
  Rounds rounds(policy_, foreign, {}, cancel_);
  rounds.run(all());
  busy = false;
  rounds.run(all());
  const int dropped = rounds.dropped();
  busy = true;
  rounds.run(all());
  EXPECT_EQ(rounds.dropped(), 2 * dropped);
}

TEST_F(RoundsTest, NoBlockBeginsThatCannotEndInTime) {
  seat({.call_seconds = 0.1});  // 0.8 s a block
  seat({.call_seconds = 0.1});
  const Deadline deadline = Deadline::in(1.5);
  const double begin = machine_.now();
  Rounds rounds(policy_, quiet_, deadline, cancel_);
  const auto round = rounds.run(all());
  EXPECT_EQ(round.ended, Ended::kOutOfTime);
  EXPECT_EQ(round.blocks[0].has_value() + round.blocks[1].has_value(), 1);
  EXPECT_LE(machine_.now() - begin, 1.5);
  EXPECT_EQ(rounds.kept(), 0);
}

TEST_F(RoundsTest, DisturbedRoundIsKeptWhereNoTimeIsLeftForAnother) {
  seat({.call_seconds = 0.1});
  const ForeignShare foreign = [] { return 0.5; };
  Rounds rounds(policy_, foreign, Deadline::in(1.5), cancel_);
  EXPECT_TRUE(rounds.run(all()).blocks[0]);
  EXPECT_EQ(rounds.dropped(), 0);
  EXPECT_TRUE(rounds.busy());
}

TEST_F(RoundsTest, CancelledBetweenBlocks) {
  seat();
  cancel_.cancel();
  Rounds rounds(policy_, quiet_, {}, cancel_);
  EXPECT_EQ(rounds.run(all()).ended, Ended::kCancelled);
  EXPECT_EQ(machine_.blocks, 0);
}

TEST_F(RoundsTest, FailureOfOneLeavesTheOthers) {
  seat();
  seat({.fails_at_block = 0});
  Rounds rounds(policy_, quiet_, {}, cancel_);
  const auto round = rounds.run(all());
  EXPECT_TRUE(round.blocks[0]);
  EXPECT_FALSE(round.blocks[1]);
  ASSERT_TRUE(seats_[1]->error);
  EXPECT_EQ(seats_[1]->error->kind(), ErrorKind::kCrashed);
  EXPECT_EQ(seats_[1]->runner, nullptr);
  EXPECT_TRUE(rounds.run(all()).blocks[0]);
}

TEST_F(RoundsTest, TimeThatIsNoTimeIsAFailure) {
  for (const double value : {0.0, -1.0, std::nan(""), std::numeric_limits<double>::infinity()}) {
    class Liar final : public Runner {
     public:
      explicit Liar(double value) : value_(value) {}
      Result<Block> block(const BlockSpec&) override {
        Block block;
        block.value = value_;
        return block;
      }

     private:
      double value_;
    };
    Seat one;
    one.name = "liar";
    one.runner = std::make_unique<Liar>(value);
    Rounds rounds(policy_, quiet_, {}, cancel_);
    rounds.run(std::vector<Seat*>{&one});
    ASSERT_TRUE(one.error) << value;
    EXPECT_EQ(one.error->kind(), ErrorKind::kInternal);
  }
}

TEST_F(RoundsTest, LoadsOnlyInTime) {
  Rounds rounds(policy_, quiet_, Deadline::in(0.3), cancel_);
  Seat late;
  double seconds = 0;
  EXPECT_EQ(rounds.load(late, fake_load(machine_, std::make_shared<FakeModel>()), 0.4, &seconds), Ended::kOutOfTime);
  EXPECT_EQ(machine_.loads, 0);
  EXPECT_FALSE(late.error);
  Seat quick;
  const auto model = std::make_shared<FakeModel>(FakeModel{.load_seconds = 0.1});
  EXPECT_EQ(rounds.load(quick, fake_load(machine_, model), 0.1, &seconds), Ended::kNot);
  EXPECT_NE(quick.runner, nullptr);
  EXPECT_NEAR(seconds, 0.1, 1e-9);
}

TEST_F(RoundsTest, FailureAfterCancellationBlamesNobody) {
  Rounds rounds(policy_, quiet_, {}, cancel_);
  Seat one;
  const Load load = [this]() -> Result<Loaded> {
    cancel_.cancel();
    return Error(ErrorKind::kCancelled, "[fake] cancelled");
  };
  EXPECT_EQ(rounds.load(one, load, 0, nullptr), Ended::kCancelled);
  EXPECT_FALSE(one.error);
}

}  // namespace
}  // namespace speedster::measure
