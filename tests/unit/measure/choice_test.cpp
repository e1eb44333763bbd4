#include "measure/choice.h"

#include <gtest/gtest.h>

namespace speedster::measure {
namespace {

constexpr Variance kSmall{1e-8, 4};

Entrant entrant(double drop, double memory, double size) {
  Entrant one;
  one.drop = drop;
  one.memory = memory;
  one.size = size;
  return one;
}

std::size_t safest_of(const std::vector<Entrant>& all) {
  std::vector<const Entrant*> pointers;
  for (const Entrant& one : all) pointers.push_back(&one);
  return safest(pointers);
}

TEST(Safest, DropThenMemoryThenSizeThenOrder) {
  EXPECT_EQ(safest_of({entrant(0.01, 1, 1), entrant(0, 100, 100)}), 1U);
  EXPECT_EQ(safest_of({entrant(0, 100, 1), entrant(0, 50, 100)}), 1U);
  EXPECT_EQ(safest_of({entrant(0, 100, 2), entrant(0, 100, 1)}), 1U);
  EXPECT_EQ(safest_of({entrant(0, 1, 1), entrant(0, 1, 1)}), 0U);
}

TEST(Safest, MemoryThatIsNotKnownDecidesNothing) {
  EXPECT_EQ(safest_of({entrant(0, 100, 1), entrant(0, 0, 2)}), 0U);
  EXPECT_EQ(safest_of({entrant(0, 0, 2), entrant(0, 100, 1)}), 1U);
}

TEST(Safest, NoiseInDropAndMemoryDecidesNothing) {
  EXPECT_EQ(safest_of({entrant(3e-7, 103e6, 1), entrant(2e-7, 100e6, 2)}), 0U);
}

TEST(CompareLoads, EquivalenceNeedsEvidence) {
  const Policy policy;
  const std::vector<double> same = {0, 0, 0, 0, 0}, far = {0.1, 0.1, 0.1, 0.1, 0.1}, two = {0, 0};
  EXPECT_EQ(compare_loads(same, same, kSmall, policy).relation, Relation::kEquivalent);
  // Ignorance is no equivalence: too few loads, or too much noise.
  EXPECT_EQ(compare_loads(two, same, kSmall, policy).relation, Relation::kUndecided);
  EXPECT_EQ(compare_loads(same, same, {0.01, 4}, policy).relation, Relation::kUndecided);
  EXPECT_EQ(compare_loads(far, same, kSmall, policy).relation, Relation::kSlower);
  // Much faster than the reference is not like it either.
  EXPECT_EQ(compare_loads(same, far, kSmall, policy).relation, Relation::kUndecided);
  EXPECT_EQ(compare_loads({}, same, kSmall, policy).relation, Relation::kUndecided);
}

TEST(CompareLoads, CertainButTooSmallToMatterIsEquivalent) {
  const std::vector<double> same = {0, 0, 0, 0, 0}, a_little = {0.01, 0.01, 0.01, 0.01, 0.01};
  const auto test = compare_loads(a_little, same, kSmall, {});
  EXPECT_GT(test.behind.lower(0.01), 0);
  EXPECT_EQ(test.relation, Relation::kEquivalent);
}

class Choosing : public ::testing::Test {
 protected:
  void add(std::vector<double> logs, double drop, bool failed = false, bool left_slower = false) {
    entrants_.push_back(std::make_unique<Entrant>(entrant(drop, 1, 1)));
    logs_.push_back(std::make_unique<std::vector<double>>(std::move(logs)));
    standings_.push_back({entrants_.back().get(), *logs_.back(), failed, left_slower});
  }
  Choice run(Variance expected = kSmall) const {
    return choose(std::span(standings_).first(standings_.size() - 1), standings_.back(), expected, {});
  }
  static std::vector<double> loads(double log, int count = 5) {
    return std::vector<double>(static_cast<std::size_t>(count), log);
  }

 private:
  std::vector<std::unique_ptr<Entrant>> entrants_;
  std::vector<std::unique_ptr<std::vector<double>>> logs_;
  std::vector<Standing> standings_;
};

TEST_F(Choosing, SaferEquivalentMustBeatTheOriginalItself) {
  add(loads(-0.008), 0.01);
  add({0.05, -0.06, 0.05, -0.06, 0.0}, 0);  // safer, like the first on average, but not surely below the original
  add(loads(0.0), 0);
  const Choice choice = run();
  // The first is faster with confidence but equivalent to the original, which is safer.
  EXPECT_FALSE(choice.winner);
  EXPECT_EQ(choice.relations[0], Relation::kEquivalent);
  EXPECT_EQ(choice.relations[1], Relation::kUndecided);
  EXPECT_TRUE(choice.undecided);
}

TEST_F(Choosing, FailedFinalistsDoNotCount) {
  add(loads(-1), 0, /*failed=*/true);
  add(loads(-0.5), 0);
  add(loads(0), 0);
  const Choice choice = run();
  EXPECT_EQ(choice.winner, 1U);
  EXPECT_FALSE(choice.undecided);
}

TEST_F(Choosing, WhoLeftAsSlowerStaysSlower) {
  add(loads(-0.5), 0.01);
  add(loads(-0.5, 3), 0, false, /*left_slower=*/true);
  add(loads(0), 0);
  const Choice choice = run();
  EXPECT_EQ(choice.winner, 0U);
  EXPECT_EQ(choice.relations[1], Relation::kSlower);
}

TEST_F(Choosing, NobodyWithoutConfidence) {
  add(loads(-0.02), 0);
  add(loads(0), 0);
  const Choice choice = run({0.01, 4});
  EXPECT_FALSE(choice.winner);
  EXPECT_TRUE(choice.undecided);
}

TEST_F(Choosing, OriginalAlone) {
  add(loads(0), 0);
  const Choice choice = run();
  EXPECT_FALSE(choice.winner);
  EXPECT_FALSE(choice.undecided);
}

}  // namespace
}  // namespace speedster::measure
