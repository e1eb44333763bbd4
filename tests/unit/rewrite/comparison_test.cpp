#include "rewrite/comparison.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace speedster::rewrite {
namespace {

Tensor values(const std::vector<float>& list) {
  return Tensor::from<float>(DType::kFloat32, {static_cast<std::int64_t>(list.size())}, list);
}

void add(Comparison& comparison, const std::vector<std::vector<float>>& a, const std::vector<std::vector<float>>& b) {
  std::vector<Tensor> tensors;
  std::vector<TensorView> originals, rewritten;
  for (const auto* side : {&a, &b})
    for (const auto& list : *side) tensors.push_back(values(list));
  for (std::size_t i = 0; i < tensors.size(); ++i) (i < a.size() ? originals : rewritten).push_back(tensors[i].view());
  comparison.add(originals, rewritten);
}

TEST(Comparison, IsTheNormOverAllSamplesOfTheWorstOutput) {
  Comparison comparison;
  add(comparison, {{3, 4}, {1}}, {{3, 4}, {1}});
  add(comparison, {{0, 12}, {2}}, {{0, 12.13F}, {2.1F}});
  // First output: 0.13 of 13; second: 0.1 of the root of 5.
  EXPECT_NEAR(comparison.distance().relative_l2, 0.1 / std::sqrt(5.0), 1e-6);
  EXPECT_TRUE(comparison.distance().same_shape);
  EXPECT_FALSE(comparison.distance().new_non_finite);
}

TEST(Comparison, AnOriginalOfZerosLeavesTheNormItself) {
  Comparison comparison;
  add(comparison, {{0, 0}}, {{0.3F, 0.4F}});
  EXPECT_NEAR(comparison.distance().relative_l2, 0.5, 1e-6);
}

TEST(Comparison, WhatIsNotFiniteMustHaveBeenSo) {
  const float infinity = std::numeric_limits<float>::infinity();
  Comparison same, other;
  add(same, {{1, infinity}}, {{1, infinity}});
  EXPECT_FALSE(same.distance().new_non_finite);
  EXPECT_EQ(same.distance().relative_l2, 0);
  add(other, {{1, 2}}, {{1, infinity}});
  EXPECT_TRUE(other.distance().new_non_finite);
}

TEST(Comparison, ShapesAndTypesAreSeen) {
  Comparison longer, fewer, typed;
  add(longer, {{1, 2}}, {{1}});
  EXPECT_FALSE(longer.distance().same_shape);
  add(fewer, {{1}, {2}}, {{1}});
  EXPECT_FALSE(fewer.distance().same_shape);
  const Tensor a = values({1}), b = Tensor::from<double>(DType::kFloat64, {1}, std::vector<double>{1});
  const TensorView left[] = {a.view()}, right[] = {b.view()};
  typed.add(left, right);
  EXPECT_FALSE(typed.distance().same_shape);
}

}  // namespace
}  // namespace speedster::rewrite
