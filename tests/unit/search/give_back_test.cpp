#include "search/give_back.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

namespace speedster::search {
namespace {

using ::testing::ElementsAre;

/// A model whose drop is what its nodes in int8 lose together, times a factor that the search does not know.
struct World {
  std::vector<GiveBackNode> nodes;
  double factor = 0.5;
  double power = 1;  ///< other than 1: losses do not simply add up

  double drop(const std::vector<std::size_t>& given) const {
    double sum = 0;
    for (std::size_t i = 0; i < nodes.size(); ++i)
      if (std::find(given.begin(), given.end(), i) == given.end()) sum += std::min(nodes[i].error, 1e3);
    return factor * std::pow(sum, power);
  }
  struct Found {
    std::optional<std::vector<std::size_t>> best;
    int trials = 0;
    double share = 1;  ///< of the seconds that are given back
  };
  Found search(double budget) const {
    GiveBack search(nodes, budget, drop({}));
    Found found;
    while (const auto set = search.next()) {
      EXPECT_TRUE(std::is_sorted(set->begin(), set->end()));
      EXPECT_FALSE(set->empty());
      EXPECT_LT(set->size(), nodes.size());
      if (++found.trials > GiveBack::kMostTrials) break;
      search.tell(drop(*set), drop(*set) <= budget);
    }
    EXPECT_LE(found.trials, GiveBack::kMostTrials);
    found.best = search.best();
    if (found.best) {
      EXPECT_LE(drop(*found.best), budget);
      found.share = search.share(*found.best);
    }
    return found;
  }
};

World equal(std::size_t nodes, double error) { return {std::vector<GiveBackNode>(nodes, {error, 1e-3})}; }

TEST(GiveBack, TwoSpoilersAreFoundInOneTrial) {
  World world = equal(30, 1e-6);
  world.nodes[7].error = 0.3;
  world.nodes[21].error = 0.05;
  const World::Found found = world.search(0.001);
  ASSERT_TRUE(found.best.has_value());
  EXPECT_THAT(*found.best, ElementsAre(7, 21));
  EXPECT_LE(found.trials, 2);
}

TEST(GiveBack, ASpoilerThatBreaksEverythingCountsAsMoreThanAnyOther) {
  World world = equal(10, 1e-6);
  world.nodes[4].error = std::numeric_limits<double>::infinity();
  world.nodes[2].error = 0.5;
  const World::Found found = world.search(0.001);
  ASSERT_TRUE(found.best.has_value());
  EXPECT_THAT(*found.best, ElementsAre(2, 4));
}

TEST(GiveBack, WhatCostsMoreTimeStaysInInt8) {
  World world = equal(20, 1e-3);
  for (std::size_t i = 0; i < 10; ++i) world.nodes[i].seconds = 1e-2;
  const World::Found found = world.search(world.drop({}) * 0.55);
  ASSERT_TRUE(found.best.has_value());
  for (const std::size_t node : *found.best) EXPECT_GE(node, 10U);
  EXPECT_LT(found.share, 0.12);
}

TEST(GiveBack, IsCloseToTheBestThatThereIs) {
  std::mt19937 random(1);
  std::uniform_real_distribution<double> exponent(-7, -3), time(0.2, 3);
  for (int round = 0; round < 50; ++round) {
    World world;
    world.power = round % 3 == 0 ? 1.3 : 1;
    for (int i = 0; i < 60; ++i) world.nodes.push_back({std::pow(10, exponent(random)), time(random)});
    const double budget = world.drop({}) * std::pow(10, -std::uniform_real_distribution<double>(0.1, 1.5)(random));
    const World::Found found = world.search(budget);
    ASSERT_TRUE(found.best.has_value()) << round;
    // The greedy solution with full knowledge: the least that may be given back in that order.
    std::vector<std::size_t> order(world.nodes.size()), given;
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
      return world.nodes[a].error / world.nodes[a].seconds > world.nodes[b].error / world.nodes[b].seconds;
    });
    double least = 0, all = 0;
    for (const GiveBackNode& node : world.nodes) all += node.seconds;
    for (const std::size_t node : order) {
      if (world.drop(given) <= budget) break;
      given.push_back(node);
      least += world.nodes[node].seconds;
    }
    EXPECT_LT(found.share, least / all + 0.06) << round;
  }
}

TEST(GiveBack, RoomThatIsLeftGoesToTheCostliest) {
  // In order of error for each second a dear node goes first, and a cheap one would have been enough.
  World world{{{0.10, 1.0}, {0.011, 0.1}, {0.0005, 10}, {0.0005, 10}}, 1, 1};
  world.nodes[0] = {0.02, 5.0};
  world.nodes[1] = {0.2, 10.0};
  const World::Found found = world.search(0.03);
  ASSERT_TRUE(found.best.has_value());
  EXPECT_THAT(*found.best, ElementsAre(1));
}

TEST(GiveBack, WithoutTimesEveryNodeCostsTheSame) {
  World world = equal(8, 1e-5);
  for (GiveBackNode& node : world.nodes) node.seconds = 0;
  world.nodes[3].error = 1;
  EXPECT_THAT(world.search(0.001).best.value(), ElementsAre(3));
}

TEST(GiveBack, NothingToGiveBackIsNoTrial) {
  GiveBack none({}, 0.1, 1);
  EXPECT_FALSE(none.next().has_value());
  GiveBack one({{1, 1}}, 0.1, 1);
  EXPECT_FALSE(one.next().has_value()) << "all of it would be the float model";
}

TEST(GiveBack, GivesUpWhereNothingHolds) {
  World world = equal(40, 1e-3);
  GiveBack search(world.nodes, 1e-9, world.drop({}));
  int trials = 0;
  while (search.next() && trials <= GiveBack::kMostTrials) {
    search.tell(0.5, false);
    ++trials;
  }
  EXPECT_FALSE(search.best().has_value());
  EXPECT_LT(trials, GiveBack::kMostTrials);
}

}  // namespace
}  // namespace speedster::search
