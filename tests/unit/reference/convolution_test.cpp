#include "unit/reference/single_node.h"

namespace speedster::reference_test {
namespace {

const HostTensor kImage = floats({1, 1, 3, 3}, {1, 2, 3, 4, 5, 6, 7, 8, 9});
const HostTensor kOnes = floats({1, 1, 2, 2}, {1, 1, 1, 1});

TEST(Conv, PlainPaddedStridedDilated) {
  EXPECT_TENSOR((SingleNode{"Conv", {kImage, kOnes}}()), floats({1, 1, 2, 2}, {12, 16, 24, 28}));
  EXPECT_TENSOR((SingleNode{"Conv", {kImage, kOnes, floats({1}, {100})}}()),
                floats({1, 1, 2, 2}, {112, 116, 124, 128}));
  EXPECT_TENSOR((SingleNode{"Conv", {kImage, kOnes}, {{"pads", Extents{1, 1, 0, 0}}, {"strides", Extents{2, 2}}}}()),
                floats({1, 1, 2, 2}, {1, 5, 11, 28}));
  EXPECT_TENSOR((SingleNode{"Conv", {kImage, kOnes}, {{"dilations", Extents{2, 2}}}}()), floats({1, 1, 1, 1}, {20}));
  EXPECT_TENSOR((SingleNode{"Conv", {kImage, kOnes}, {{"auto_pad", "SAME_UPPER"}}}()),
                floats({1, 1, 3, 3}, {12, 16, 9, 24, 28, 15, 15, 17, 9}));
  EXPECT_TENSOR((SingleNode{"Conv", {kImage, kOnes}, {{"auto_pad", "SAME_LOWER"}}}()),
                floats({1, 1, 3, 3}, {1, 3, 5, 5, 12, 16, 11, 24, 28}));
}

TEST(Conv, GroupsSeeTheirOwnChannels) {
  const auto input = floats({1, 2, 1, 2}, {1, 2, 10, 20}), weights = floats({2, 1, 1, 1}, {3, 5});
  EXPECT_TENSOR((SingleNode{"Conv", {input, weights}, {{"group", 2}}}()), floats({1, 2, 1, 2}, {3, 6, 50, 100}));
  EXPECT_TENSOR((SingleNode{"Conv", {input, floats({1, 2, 1, 1}, {1, 1})}}()), floats({1, 1, 1, 2}, {11, 22}));
}

TEST(Conv, OneAxis) {
  EXPECT_TENSOR((SingleNode{"Conv", {floats({1, 1, 4}, {1, 2, 3, 4}), floats({1, 1, 2}, {1, -1})}}()),
                floats({1, 1, 3}, {-1, -1, -1}));
  EXPECT_TENSOR((SingleNode{"Conv", {floats({0, 1, 4}, {}), floats({1, 1, 2}, {1, -1})}}()), floats({0, 1, 3}, {}));
}

TEST(ConvTranspose, SpreadsEachElement) {
  EXPECT_TENSOR((SingleNode{"ConvTranspose", {floats({1, 1, 1, 2}, {1, 2}), kOnes}, {{"strides", Extents{2, 2}}}}()),
                floats({1, 1, 2, 4}, {1, 1, 2, 2, 1, 1, 2, 2}));
  EXPECT_TENSOR((SingleNode{"ConvTranspose", {floats({1, 1, 2}, {1, 2}), floats({1, 1, 3}, {1, 2, 3})}}()),
                floats({1, 1, 4}, {1, 4, 7, 6}));
}

TEST(Pool, MaximumAndAverage) {
  EXPECT_TENSOR((SingleNode{"MaxPool", {kImage}, {{"kernel_shape", Extents{2, 2}}}}()),
                floats({1, 1, 2, 2}, {5, 6, 8, 9}));
  EXPECT_TENSOR(
      (SingleNode{
          "MaxPool", {kImage}, {{"kernel_shape", Extents{2, 2}}, {"strides", Extents{2, 2}}, {"ceil_mode", 1}}}()),
      floats({1, 1, 2, 2}, {5, 6, 8, 9}));
  EXPECT_TENSOR((SingleNode{"AveragePool", {kImage}, {{"kernel_shape", Extents{2, 2}}}}()),
                floats({1, 1, 2, 2}, {3, 4, 6, 7}));
  const Attributes padded = {
      {"kernel_shape", Extents{2, 2}}, {"strides", Extents{2, 2}}, {"pads", Extents{1, 1, 0, 0}}};
  EXPECT_TENSOR((SingleNode{"AveragePool", {kImage}, padded}()), floats({1, 1, 2, 2}, {1, 2.5F, 5.5F, 7}));
  Attributes counted = padded;
  counted.emplace_back("count_include_pad", 1);
  EXPECT_TENSOR((SingleNode{"AveragePool", {kImage}, counted}()), floats({1, 1, 2, 2}, {0.25F, 1.25F, 2.75F, 7}));
}

TEST(Pool, Global) {
  EXPECT_TENSOR((SingleNode{"GlobalAveragePool", {kImage}}()), floats({1, 1, 1, 1}, {5}));
  EXPECT_TENSOR((SingleNode{"GlobalMaxPool", {kImage}}()), floats({1, 1, 1, 1}, {9}));
}

}  // namespace
}  // namespace speedster::reference_test
