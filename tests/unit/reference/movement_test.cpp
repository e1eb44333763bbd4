#include "unit/reference/single_node.h"

namespace speedster::reference_test {
namespace {

const HostTensor kGrid = floats({2, 3}, {1, 2, 3, 4, 5, 6});

TEST(Movement, ReshapeCopiesAndInfersExtents) {
  EXPECT_TENSOR((SingleNode{"Reshape", {kGrid, longs({2}, {3, -1})}}()), floats({3, 2}, {1, 2, 3, 4, 5, 6}));
  EXPECT_TENSOR((SingleNode{"Reshape", {kGrid, longs({3}, {0, 1, 3})}}()), floats({2, 1, 3}, {1, 2, 3, 4, 5, 6}));
  EXPECT_TENSOR((SingleNode{"Reshape", {floats({0, 4}, {}), longs({2}, {3, 0})}, {{"allowzero", 1}}}()),
                floats({3, 0}, {}));
  EXPECT_CODE(SP_SHAPE, (SingleNode{"Reshape", {kGrid, longs({2}, {4, -1})}}.status()));
}

TEST(Movement, AxesComeAndGo) {
  EXPECT_TENSOR((SingleNode{"Flatten", {floats({1, 2, 2}, {1, 2, 3, 4})}, {{"axis", 2}}}()),
                floats({2, 2}, {1, 2, 3, 4}));
  EXPECT_TENSOR((SingleNode{"Squeeze", {floats({1, 2, 1}, {1, 2}), longs({1}, {-1})}}()), floats({1, 2}, {1, 2}));
  EXPECT_TENSOR((SingleNode{"Squeeze", {floats({1, 2, 1}, {1, 2})}}()), floats({2}, {1, 2}));
  EXPECT_CODE(SP_SHAPE, (SingleNode{"Squeeze", {kGrid, longs({1}, {0})}}.status()));
  EXPECT_TENSOR((SingleNode{"Unsqueeze", {floats({2}, {1, 2}), longs({2}, {0, -1})}}()), floats({1, 2, 1}, {1, 2}));
}

TEST(Movement, TransposeAndExpand) {
  EXPECT_TENSOR((SingleNode{"Transpose", {kGrid}}()), floats({3, 2}, {1, 4, 2, 5, 3, 6}));
  EXPECT_TENSOR((SingleNode{"Transpose", {floats({1, 2, 2}, {1, 2, 3, 4})}, {{"perm", Extents{2, 0, 1}}}}()),
                floats({2, 1, 2}, {1, 3, 2, 4}));
  EXPECT_TENSOR((SingleNode{"Expand", {floats({2, 1}, {1, 2}), longs({3}, {2, 1, 2})}}()),
                floats({2, 2, 2}, {1, 1, 2, 2, 1, 1, 2, 2}));
}

TEST(Movement, ConcatAndSplit) {
  EXPECT_TENSOR((SingleNode{"Concat", {kGrid, floats({2, 1}, {7, 8})}, {{"axis", 1}}}()),
                floats({2, 4}, {1, 2, 3, 7, 4, 5, 6, 8}));
  std::vector<HostTensor> parts;
  SingleNode split{"Split", {kGrid, longs({2}, {1, 2})}, {{"axis", 1}}, {OnnxType::kFloat, OnnxType::kFloat}};
  ASSERT_OK(split.run(parts));
  EXPECT_TENSOR(parts[0], floats({2, 1}, {1, 4}));
  EXPECT_TENSOR(parts[1], floats({2, 2}, {2, 3, 5, 6}));
  SingleNode uneven{
      "Split", {floats({5}, {1, 2, 3, 4, 5})}, {{"num_outputs", 2}}, {OnnxType::kFloat, OnnxType::kFloat}};
  ASSERT_OK(uneven.run(parts));
  EXPECT_TENSOR(parts[0], floats({3}, {1, 2, 3}));
  EXPECT_TENSOR(parts[1], floats({2}, {4, 5}));
}

TEST(Movement, SliceForwardsBackwardsAndBeyond) {
  const auto line = floats({5}, {0, 1, 2, 3, 4});
  const auto slice = [&](std::int64_t start, std::int64_t end, std::int64_t step) {
    return SingleNode{"Slice", {line, longs({1}, {start}), longs({1}, {end}), longs({1}, {0}), longs({1}, {step})}}();
  };
  EXPECT_TENSOR(slice(1, 4, 2), floats({2}, {1, 3}));
  EXPECT_TENSOR(slice(-2, INT64_MAX, 1), floats({2}, {3, 4}));
  EXPECT_TENSOR(slice(-1, INT64_MIN, -2), floats({3}, {4, 2, 0}));
  EXPECT_TENSOR(slice(3, 3, 1), floats({0}, {}));
  EXPECT_TENSOR(slice(0, 5, INT64_MAX), floats({1}, {0}));
  EXPECT_TENSOR((SingleNode{"Slice",
                            {kGrid},
                            {{"starts", Extents{1}}, {"ends", Extents{3}}, {"axes", Extents{1}}},
                            {OnnxType::kFloat},
                            9}()),
                floats({2, 2}, {2, 3, 5, 6}));
}

TEST(Movement, GatherAndNonZero) {
  EXPECT_TENSOR((SingleNode{"Gather", {kGrid, longs({2}, {-1, 0})}, {{"axis", 1}}}()), floats({2, 2}, {3, 1, 6, 4}));
  EXPECT_TENSOR((SingleNode{"Gather", {kGrid, longs({}, {1})}}()), floats({3}, {4, 5, 6}));
  EXPECT_TENSOR((SingleNode{"GatherElements", {kGrid, longs({2, 1}, {2, 0})}, {{"axis", 1}}}()),
                floats({2, 1}, {3, 4}));
  EXPECT_TENSOR((SingleNode{"NonZero", {floats({2, 2}, {0, 1, 2, 0})}, {}, {OnnxType::kInt64}}()),
                longs({2, 2}, {0, 1, 1, 0}));
  EXPECT_TENSOR((SingleNode{"NonZero", {floats({2}, {0, 0})}, {}, {OnnxType::kInt64}}()), longs({1, 0}, {}));
}

TEST(Movement, TilePadAndResize) {
  EXPECT_TENSOR((SingleNode{"Tile", {floats({1, 2}, {1, 2}), longs({2}, {2, 2})}}()),
                floats({2, 4}, {1, 2, 1, 2, 1, 2, 1, 2}));
  const auto pad = [](const char* mode) {
    return SingleNode{"Pad", {floats({3}, {1, 2, 3}), longs({2}, {2, 1})}, {{"mode", mode}}}();
  };
  EXPECT_TENSOR(pad("constant"), floats({6}, {0, 0, 1, 2, 3, 0}));
  EXPECT_TENSOR(pad("edge"), floats({6}, {1, 1, 1, 2, 3, 3}));
  EXPECT_TENSOR(pad("reflect"), floats({6}, {3, 2, 1, 2, 3, 2}));
  EXPECT_TENSOR((SingleNode{"Pad", {floats({3}, {1, 2, 3}), longs({2}, {-1, 1}), floats({}, {9})}}()),
                floats({3}, {2, 3, 9}));
  const Attributes nearest = {
      {"mode", "nearest"}, {"coordinate_transformation_mode", "asymmetric"}, {"nearest_mode", "floor"}};
  EXPECT_TENSOR((SingleNode{"Resize", {floats({1, 2}, {1, 2}), absent(), floats({2}, {1, 2})}, nearest}()),
                floats({1, 4}, {1, 1, 2, 2}));
  EXPECT_TENSOR(
      (SingleNode{"Resize", {floats({1, 2}, {0, 4}), absent(), absent(), longs({2}, {1, 4})}, {{"mode", "linear"}}}()),
      floats({1, 4}, {0, 1, 3, 4}));
}

TEST(Movement, ShapesAndConstants) {
  EXPECT_TENSOR((SingleNode{"Shape", {kGrid}, {}, {OnnxType::kInt64}}()), longs({2}, {2, 3}));
  EXPECT_TENSOR((SingleNode{"Shape", {kGrid}, {{"start", -1}}, {OnnxType::kInt64}}()), longs({1}, {3}));
  EXPECT_TENSOR((SingleNode{"Size", {kGrid}, {}, {OnnxType::kInt64}}()), longs({}, {6}));
  EXPECT_TENSOR((SingleNode{"ConstantOfShape",
                            {longs({1}, {2})},
                            {{"value", testing::tensor_data<std::int64_t>({1}, {7})}},
                            {OnnxType::kInt64}}()),
                longs({2}, {7, 7}));
  EXPECT_TENSOR((SingleNode{"Constant", {}, {{"value_floats", std::vector<float>{1, 2}}}}()), floats({2}, {1, 2}));
  EXPECT_TENSOR((SingleNode{"Range", {longs({}, {5}), longs({}, {0}), longs({}, {-2})}, {}, {OnnxType::kInt64}}()),
                longs({3}, {5, 3, 1}));
  EXPECT_CODE(SP_SHAPE,
              (SingleNode{"Range", {longs({}, {0}), longs({}, {5}), longs({}, {0})}, {}, {OnnxType::kInt64}}.status()));
}

TEST(Movement, CastsTruncateWrapAndTest) {
  const auto to = [](OnnxType type, const HostTensor& x) {
    return SingleNode{"Cast", {x}, {{"to", static_cast<int>(type)}}, {type}}();
  };
  EXPECT_TENSOR(to(OnnxType::kInt64, floats({3}, {1.9F, -1.9F, 3})), longs({3}, {1, -1, 3}));
  EXPECT_TENSOR(to(OnnxType::kInt8, longs({2}, {300, -129})), tensor<std::int8_t>({2}, {44, 127}));
  EXPECT_TENSOR(to(OnnxType::kBool, floats({3}, {0, -0.5F, 2})), bools({3}, {0, 1, 1}));
  EXPECT_TENSOR(to(OnnxType::kFloat, bools({2}, {0, 3})), floats({2}, {0, 1}));
  EXPECT_EQ(to(OnnxType::kUInt64, tensor<double>({1}, {0x1p63})).as<std::uint64_t>()[0], std::uint64_t{1} << 63U);
  EXPECT_EQ(to(OnnxType::kFloat16, floats({1}, {1.5F})).as<std::uint16_t>()[0], 0x3E00);
}

}  // namespace
}  // namespace speedster::reference_test
