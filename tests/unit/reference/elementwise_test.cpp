#include <cmath>
#include <numbers>

#include "unit/reference/single_node.h"

namespace speedster::reference_test {
namespace {

HostTensor unary(const std::string& op, const std::vector<float>& values, const Attributes& attributes = {},
                 std::int64_t opset = 20) {
  return SingleNode{
      op, {floats({static_cast<std::int64_t>(values.size())}, values)}, attributes, {OnnxType::kFloat}, opset}();
}

TEST(Elementwise, Arithmetic) {
  const auto a = floats({2, 2}, {1, 2, 3, 4}), b = floats({2}, {10, 20});
  EXPECT_TENSOR((SingleNode{"Add", {a, b}}()), floats({2, 2}, {11, 22, 13, 24}));
  EXPECT_TENSOR((SingleNode{"Sub", {a, b}}()), floats({2, 2}, {-9, -18, -7, -16}));
  EXPECT_TENSOR((SingleNode{"Mul", {a, b}}()), floats({2, 2}, {10, 40, 30, 80}));
  EXPECT_TENSOR((SingleNode{"Div", {b, a}}()), floats({2, 2}, {10, 10, 10.0F / 3, 5}));
  EXPECT_TENSOR((SingleNode{"Pow", {a, longs({}, {2})}}()), floats({2, 2}, {1, 4, 9, 16}));
}

TEST(Elementwise, BroadcastsBothWays) {
  EXPECT_TENSOR((SingleNode{"Add", {floats({2, 1}, {1, 2}), floats({3}, {10, 20, 30})}}()),
                floats({2, 3}, {11, 21, 31, 12, 22, 32}));
  EXPECT_TENSOR((SingleNode{"Add", {floats({0, 3}, {}), floats({1, 3}, {1, 2, 3})}}()), floats({0, 3}, {}));
  EXPECT_TENSOR((SingleNode{"Add", {floats({}, {1}), floats({}, {2})}}()), floats({}, {3}));
}

TEST(Elementwise, IntegersAreExactAndWrap) {
  const std::int64_t large = (std::int64_t{1} << 53) + 1;  // no double holds it
  EXPECT_EQ((SingleNode{"Add", {longs({1}, {large}), longs({1}, {2})}, {}, {OnnxType::kInt64}}()).as<std::int64_t>()[0],
            large + 2);
  EXPECT_EQ(
      (SingleNode{"Div", {longs({1}, {INT64_MIN}), longs({1}, {-1})}, {}, {OnnxType::kInt64}}()).as<std::int64_t>()[0],
      INT64_MIN);
  const auto a = tensor<std::int8_t>({2}, {100, -7}), b = tensor<std::int8_t>({2}, {100, 2});
  EXPECT_TENSOR((SingleNode{"Add", {a, b}, {}, {OnnxType::kInt8}}()), tensor<std::int8_t>({2}, {-56, -5}));
  EXPECT_TENSOR((SingleNode{"Div", {a, b}, {}, {OnnxType::kInt8}}()), tensor<std::int8_t>({2}, {1, -3}));
}

TEST(Elementwise, ModuloFollowsTheDivisorOrTheDividend) {
  const auto a = longs({3}, {7, -7, 7}), b = longs({3}, {3, 3, -3});
  EXPECT_TENSOR((SingleNode{"Mod", {a, b}, {}, {OnnxType::kInt64}}()), longs({3}, {1, 2, -2}));
  EXPECT_TENSOR((SingleNode{"Mod", {a, b}, {{"fmod", 1}}, {OnnxType::kInt64}}()), longs({3}, {1, -1, 1}));
}

TEST(Elementwise, MinMaxSumOfMany) {
  const auto a = floats({2}, {1, 5}), b = floats({2}, {3, 2}), c = floats({1}, {2});
  EXPECT_TENSOR((SingleNode{"Max", {a, b, c}}()), floats({2}, {3, 5}));
  EXPECT_TENSOR((SingleNode{"Min", {a, b, c}}()), floats({2}, {1, 2}));
  EXPECT_TENSOR((SingleNode{"Sum", {a, b, c}}()), floats({2}, {6, 9}));
}

TEST(Elementwise, Activations) {
  EXPECT_TENSOR(unary("Relu", {-1, 0, 2}), floats({3}, {0, 0, 2}));
  EXPECT_TENSOR(unary("LeakyRelu", {-1, 2}, {{"alpha", 0.25F}}), floats({2}, {-0.25F, 2}));
  EXPECT_TENSOR(unary("LeakyRelu", {-1, 2}), floats({2}, {-0.01F, 2}));
  EXPECT_TENSOR(unary("Sigmoid", {0, -1000, 1000}), floats({3}, {0.5F, 0, 1}));
  EXPECT_TENSOR(unary("HardSigmoid", {-3, 0, 1, 3}), floats({4}, {0, 0.5F, 0.7F, 1}));
  EXPECT_TENSOR(unary("HardSwish", {-4, 0, 3, 6}), floats({4}, {0, 0, 3, 6}));
  EXPECT_TENSOR(unary("Elu", {-1, 1}), floats({2}, {std::exp(-1.0F) - 1, 1}));
  EXPECT_TENSOR(unary("Softplus", {0, 100}), floats({2}, {std::numbers::ln2_v<float>, 100}));
  EXPECT_TENSOR(unary("Gelu", {0, 1, -1}), floats({3}, {0, 0.84134475F, -0.15865525F}));
  EXPECT_TENSOR(unary("Gelu", {1}, {{"approximate", "tanh"}}), floats({1}, {0.84119199F}));
  EXPECT_TENSOR((SingleNode{"Gelu", {floats({1}, {1})}, {}, {OnnxType::kFloat}, 17, "com.microsoft"}()),
                floats({1}, {0.84134475F}));
}

TEST(Elementwise, Functions) {
  EXPECT_TENSOR(unary("Exp", {0, 1}), floats({2}, {1, std::numbers::e_v<float>}));
  EXPECT_TENSOR(unary("Log", {1, std::numbers::e_v<float>}), floats({2}, {0, 1}));
  EXPECT_TENSOR(unary("Sqrt", {4, 2}), floats({2}, {2, std::numbers::sqrt2_v<float>}));
  EXPECT_TENSOR(unary("Erf", {0, 1}), floats({2}, {0, 0.84270079F}));
  EXPECT_TENSOR(unary("Tanh", {0, 100}), floats({2}, {0, 1}));
  EXPECT_TENSOR(unary("Round", {0.5F, 1.5F, -2.5F}), floats({3}, {0, 2, -2}));
  EXPECT_TENSOR(unary("Reciprocal", {4}), floats({1}, {0.25F}));
  EXPECT_TENSOR(unary("Abs", {-3, 3}), floats({2}, {3, 3}));
  EXPECT_TENSOR(unary("Sign", {-3, 0, 3}), floats({3}, {-1, 0, 1}));
}

TEST(Elementwise, ClipTakesItsBoundsFromInputsOrAttributes) {
  const auto x = floats({3}, {-5, 0.5F, 5});
  EXPECT_TENSOR((SingleNode{"Clip", {x, floats({}, {-1}), floats({}, {1})}}()), floats({3}, {-1, 0.5F, 1}));
  EXPECT_TENSOR((SingleNode{"Clip", {x, absent(), floats({}, {1})}}()), floats({3}, {-5, 0.5F, 1}));
  EXPECT_TENSOR((SingleNode{"Clip", {x}, {{"min", -2.0F}}, {OnnxType::kFloat}, 6}()), floats({3}, {-2, 0.5F, 5}));
}

TEST(Elementwise, HalfIsRoundedOnce) {
  HostTensor one({kDLFloat, 16, 1}, {1}, 2), tiny({kDLFloat, 16, 1}, {1}, 2);
  one.as<std::uint16_t>()[0] = 0x3C00;   // 1
  tiny.as<std::uint16_t>()[0] = 0x1000;  // 2^-11: half a unit of 1
  const auto sum = SingleNode{"Add", {one, tiny}, {}, {OnnxType::kFloat16}}();
  EXPECT_EQ(sum.as<std::uint16_t>()[0], 0x3C00) << "expected the tie to go to even";
}

TEST(Logic, ComparisonsAndTruth) {
  const auto a = floats({3}, {1, 2, 3}), b = floats({3}, {3, 2, 1});
  const std::vector<OnnxType> truth = {OnnxType::kBool};
  EXPECT_TENSOR((SingleNode{"Less", {a, b}, {}, truth}()), bools({3}, {1, 0, 0}));
  EXPECT_TENSOR((SingleNode{"LessOrEqual", {a, b}, {}, truth}()), bools({3}, {1, 1, 0}));
  EXPECT_TENSOR((SingleNode{"Greater", {a, b}, {}, truth}()), bools({3}, {0, 0, 1}));
  EXPECT_TENSOR((SingleNode{"GreaterOrEqual", {a, b}, {}, truth}()), bools({3}, {0, 1, 1}));
  EXPECT_TENSOR((SingleNode{"Equal", {a, b}, {}, truth}()), bools({3}, {0, 1, 0}));
  const auto p = bools({4}, {0, 0, 1, 1}), q = bools({4}, {0, 1, 0, 1});
  EXPECT_TENSOR((SingleNode{"And", {p, q}, {}, truth}()), bools({4}, {0, 0, 0, 1}));
  EXPECT_TENSOR((SingleNode{"Or", {p, q}, {}, truth}()), bools({4}, {0, 1, 1, 1}));
  EXPECT_TENSOR((SingleNode{"Xor", {p, q}, {}, truth}()), bools({4}, {0, 1, 1, 0}));
  EXPECT_TENSOR((SingleNode{"Not", {q}, {}, truth}()), bools({4}, {1, 0, 1, 0}));
  EXPECT_TENSOR((SingleNode{"Where", {bools({3}, {1, 0, 1}), a, floats({}, {9})}}()), floats({3}, {1, 9, 3}));
  EXPECT_TENSOR((SingleNode{"IsNaN", {floats({2}, {std::nanf(""), 1})}, {}, truth}()), bools({2}, {1, 0}));
}

}  // namespace
}  // namespace speedster::reference_test
