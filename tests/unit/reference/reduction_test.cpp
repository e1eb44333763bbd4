#include <cmath>
#include <limits>

#include "unit/reference/single_node.h"

namespace speedster::reference_test {
namespace {

const HostTensor kGrid = floats({2, 3}, {1, 2, 3, 4, 5, 6});

TEST(Reduction, OverAxesAndAll) {
  EXPECT_TENSOR((SingleNode{"ReduceSum", {kGrid, longs({1}, {1})}, {{"keepdims", 0}}}()), floats({2}, {6, 15}));
  EXPECT_TENSOR((SingleNode{"ReduceSum", {kGrid, longs({1}, {-2})}}()), floats({1, 3}, {5, 7, 9}));
  EXPECT_TENSOR((SingleNode{"ReduceSum", {kGrid}}()), floats({1, 1}, {21}));
  EXPECT_TENSOR((SingleNode{"ReduceSum", {kGrid}, {{"noop_with_empty_axes", 1}}}()), kGrid);
  EXPECT_TENSOR((SingleNode{"ReduceMean", {kGrid}, {{"axes", Extents{0}}}, {OnnxType::kFloat}, 13}()),
                floats({1, 3}, {2.5F, 3.5F, 4.5F}));
}

TEST(Reduction, Kinds) {
  const auto over = [](const char* op) {
    return SingleNode{op, {floats({3}, {-2, 1, 3}), longs({1}, {0})}, {{"keepdims", 0}}}();
  };
  EXPECT_TENSOR(over("ReduceMax"), floats({}, {3}));
  EXPECT_TENSOR(over("ReduceMin"), floats({}, {-2}));
  EXPECT_TENSOR(over("ReduceProd"), floats({}, {-6}));
  EXPECT_TENSOR(over("ReduceSumSquare"), floats({}, {14}));
  EXPECT_TENSOR(over("ReduceL1"), floats({}, {6}));
  EXPECT_TENSOR(over("ReduceL2"), floats({}, {std::sqrt(14.0F)}));
}

TEST(Reduction, OfNothing) {
  EXPECT_TENSOR((SingleNode{"ReduceSum", {floats({0, 2}, {}), longs({1}, {0})}}()), floats({1, 2}, {0, 0}));
  const auto largest = SingleNode{"ReduceMax", {floats({0}, {}), longs({1}, {0})}}();
  EXPECT_EQ(largest.as<float>()[0], -std::numeric_limits<float>::infinity());
}

/// In float32 the small terms vanish one by one; in double they count.
TEST(Reduction, AccumulatesInDouble) {
  std::vector<float> values(1001, 1e-3F);
  values[0] = 1e5F;
  const auto sum = SingleNode{"ReduceSum", {floats({1001}, values)}, {{"keepdims", 0}}}();
  EXPECT_EQ(sum.as<float>()[0], 100001.0F);
}

TEST(Reduction, ArgMaxTakesTheFirstUnlessToldOtherwise) {
  const auto x = floats({2, 3}, {1, 3, 3, 2, 2, 0});
  const std::vector<OnnxType> index = {OnnxType::kInt64};
  EXPECT_TENSOR((SingleNode{"ArgMax", {x}, {{"axis", 1}, {"keepdims", 0}}, index}()), longs({2}, {1, 0}));
  EXPECT_TENSOR((SingleNode{"ArgMax", {x}, {{"axis", 1}, {"keepdims", 0}, {"select_last_index", 1}}, index}()),
                longs({2}, {2, 1}));
  EXPECT_TENSOR((SingleNode{"ArgMin", {x}, {{"axis", 0}}, index}()), longs({1, 3}, {0, 1, 1}));
}

TEST(Reduction, TopK) {
  std::vector<HostTensor> results;
  SingleNode node{"TopK", {floats({4}, {1, 4, 2, 4}), longs({1}, {3})}, {}, {OnnxType::kFloat, OnnxType::kInt64}};
  ASSERT_OK(node.run(results));
  EXPECT_TENSOR(results[0], floats({3}, {4, 4, 2}));
  EXPECT_TENSOR(results[1], longs({3}, {1, 3, 2}));
}

TEST(Softmax, AlongOneAxis) {
  const float e = std::exp(1.0F);
  EXPECT_TENSOR((SingleNode{"Softmax", {floats({1, 2}, {0, 1})}}()), floats({1, 2}, {1 / (1 + e), e / (1 + e)}));
  EXPECT_TENSOR((SingleNode{"Softmax", {floats({2, 1}, {1000, 1000})}, {{"axis", 0}}}()), floats({2, 1}, {0.5F, 0.5F}));
  EXPECT_TENSOR((SingleNode{"LogSoftmax", {floats({1, 2}, {0, 0})}}()),
                floats({1, 2}, {-std::log(2.0F), -std::log(2.0F)}));
}

TEST(Softmax, OverTheRestBeforeOpset13) {
  EXPECT_TENSOR((SingleNode{"Softmax", {floats({1, 2, 2}, {0, 0, 0, 0})}, {}, {OnnxType::kFloat}, 11}()),
                floats({1, 2, 2}, {0.25F, 0.25F, 0.25F, 0.25F}));
}

TEST(Normalization, OfBatchLayerAndInstance) {
  const auto ones = floats({2}, {1, 1}), zeros = floats({2}, {0, 0});
  EXPECT_TENSOR((SingleNode{"BatchNormalization",
                            {floats({1, 2}, {3, 8}), floats({2}, {2, 1}), floats({2}, {1, 0}), floats({2}, {1, 2}),
                             floats({2}, {4, 9})},
                            {{"epsilon", 0.0F}}}()),
                floats({1, 2}, {3, 2}));
  EXPECT_TENSOR((SingleNode{"LayerNormalization", {floats({1, 2}, {1, 3}), ones, zeros}, {{"epsilon", 0.0F}}}()),
                floats({1, 2}, {-1, 1}));
  EXPECT_TENSOR(
      (SingleNode{"InstanceNormalization", {floats({1, 2, 2}, {1, 3, 5, 9}), ones, zeros}, {{"epsilon", 0.0F}}}()),
      floats({1, 2, 2}, {-1, 1, -1, 1}));
}

}  // namespace
}  // namespace speedster::reference_test
