/// The same answers as the reference backend.
#include "conformance/harness.h"

namespace speedster::conformance {
namespace {

namespace models = testing::models;

void compare(const testing::OnnxWriter& writer, const std::string& name, const std::vector<HostTensor>& inputs,
             double absolute, double relative, const Options& options = {}) {
  SCOPED_TRACE(name);
  const auto path = save(writer, name);
  const auto actual = run_once(tested(), path, inputs, options), expected = run_once(oracle(), path, inputs);
  ASSERT_EQ(actual.size(), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i)
    EXPECT_TRUE(near(actual[i], expected[i], absolute, relative)) << "output " << i;
}

TEST(Results, FullPrecisionModels) {
  compare(models::mlp(), "mlp", {random_tensor({4, 16}, 1)}, 1e-5, 1e-5);
  compare(models::small_cnn(), "small_cnn", {random_tensor({2, 3, 24, 20}, 2)}, 1e-5, 1e-5);
  compare(models::attention(), "attention", {random_tensor({2, 9, 8}, 3)}, 1e-5, 1e-5);
  compare(models::dynamic_matmul(), "dynamic_matmul", {random_tensor({7, 33}, 4), random_tensor({33, 5}, 5)}, 1e-5,
          1e-5);
  compare(models::several_outputs(), "several_outputs", {random_tensor({6, 4}, 6)}, 1e-6, 1e-6);
  compare(models::long_chain(8), "long_chain", {random_tensor({12, 12}, 7)}, 1e-5, 1e-4);
}

/// Two quantization steps of the last activation are what rounding on the two sides of a tie can do.
TEST(Results, QuantizedModels) { compare(models::qdq_mlp(), "qdq_mlp", {random_tensor({4, 16}, 8)}, 0.05, 0.02); }

TEST(Results, ThreadsDoNotChangeThem) {
  compare(models::small_cnn(), "small_cnn", {random_tensor({2, 3, 24, 20}, 2)}, 1e-5, 1e-5, {{"threads", "2"}});
}

TEST(Results, NotANumberAndInfinityPass) {
  const float nan = std::numeric_limits<float>::quiet_NaN(), infinity = std::numeric_limits<float>::infinity();
  const auto result =
      run_once(tested(), save(models::empty(), "empty"), {tensor<float>({1, 3}, {nan, infinity, -infinity})});
  ASSERT_EQ(result.size(), 1U);
  EXPECT_NE(result[0].as<float>()[0], result[0].as<float>()[0]) << "expected a NaN";
  EXPECT_EQ(result[0].as<float>()[1], infinity);
  EXPECT_EQ(result[0].as<float>()[2], -infinity);
}

TEST(Results, RepeatedExecutionsAgreeExactly) {
  Model model;
  ASSERT_OK(tested().load(save(models::small_cnn(), "small_cnn"), {}, model));
  Context context;
  ASSERT_OK(context.open(model));
  std::vector<HostTensor> inputs = {random_tensor({1, 3, 16, 16}, 12)}, first, again;
  ASSERT_OK(context.run(inputs, first));
  for (int i = 0; i < 20; ++i) {
    ASSERT_OK(context.run(inputs, again));
    ASSERT_TRUE(near(again[0], first[0], 0, 0)) << "execution " << i;
  }
}

TEST(Results, ResetStateIsHarmlessWithoutState) {
  Model model;
  ASSERT_OK(tested().load(save(models::mlp(), "mlp"), {}, model));
  Context context;
  ASSERT_OK(context.open(model));
  std::vector<HostTensor> inputs = {random_tensor({1, 16}, 12)}, first, again;
  ASSERT_OK(context.run(inputs, first));
  if (tested().table().reset_state != nullptr) {
    ASSERT_OK(take(tested().table().reset_state(context.get())));
  }
  ASSERT_OK(context.run(inputs, again));
  EXPECT_TRUE(near(again[0], first[0], 0, 0));
}

}  // namespace
}  // namespace speedster::conformance
