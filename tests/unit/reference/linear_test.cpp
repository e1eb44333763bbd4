#include "unit/reference/single_node.h"

namespace speedster::reference_test {
namespace {

const HostTensor kA = floats({2, 2}, {1, 2, 3, 4}), kB = floats({2, 2}, {5, 6, 7, 8});

TEST(MatMul, MatricesAndVectors) {
  EXPECT_TENSOR((SingleNode{"MatMul", {kA, kB}}()), floats({2, 2}, {19, 22, 43, 50}));
  EXPECT_TENSOR((SingleNode{"MatMul", {floats({2}, {1, 2}), kB}}()), floats({2}, {19, 22}));
  EXPECT_TENSOR((SingleNode{"MatMul", {kA, floats({2}, {5, 7})}}()), floats({2}, {19, 43}));
  EXPECT_TENSOR((SingleNode{"MatMul", {floats({2}, {1, 2}), floats({2}, {3, 4})}}()), floats({}, {11}));
}

TEST(MatMul, BatchesBroadcast) {
  const auto pair = floats({2, 1, 2}, {1, 2, 3, 4});
  EXPECT_TENSOR((SingleNode{"MatMul", {pair, kB}}()), floats({2, 1, 2}, {19, 22, 43, 50}));
  EXPECT_TENSOR((SingleNode{"MatMul", {floats({1, 1, 2}, {1, 0}), floats({2, 2, 1}, {1, 2, 3, 4})}}()),
                floats({2, 1, 1}, {1, 3}));
}

TEST(MatMul, WithoutElements) {
  EXPECT_TENSOR((SingleNode{"MatMul", {floats({0, 2}, {}), kB}}()), floats({0, 2}, {}));
  EXPECT_TENSOR((SingleNode{"MatMul", {floats({1, 0}, {}), floats({0, 2}, {})}}()), floats({1, 2}, {0, 0}));
}

/// The products cancel: only an accumulator wider than float32 keeps the 1.
TEST(MatMul, AccumulatesInDouble) {
  EXPECT_TENSOR((SingleNode{"MatMul", {floats({1, 3}, {1e8F, 1, -1e8F}), floats({3, 1}, {1, 1, 1})}}()),
                floats({1, 1}, {1}));
}

TEST(Gemm, TransposesScalesAndAdds) {
  EXPECT_TENSOR((SingleNode{"Gemm", {kA, kB, floats({2}, {1, 2})}}()), floats({2, 2}, {20, 24, 44, 52}));
  EXPECT_TENSOR((SingleNode{"Gemm", {kA, kB}, {{"transA", 1}}}()), floats({2, 2}, {26, 30, 38, 44}));
  EXPECT_TENSOR((SingleNode{"Gemm", {kA, kB}, {{"transB", 1}}}()), floats({2, 2}, {17, 23, 39, 53}));
  EXPECT_TENSOR((SingleNode{"Gemm", {kA, kB, floats({2, 1}, {1, 2})}, {{"alpha", 0.5F}, {"beta", 2.0F}}}()),
                floats({2, 2}, {11.5F, 13, 25.5F, 29}));
}

}  // namespace
}  // namespace speedster::reference_test
