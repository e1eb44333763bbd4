#include "learner/context.h"

#include <gmock/gmock.h>

#include "unit/learner/fixture.h"

namespace speedster::learner {
namespace {

using ::testing::HasSubstr;

class ContextTest : public LearnerTest {
 protected:
  static DLTensor dl(Tensor& tensor) {
    DLTensor view{};
    view.data = tensor.data();
    view.device = {kDLCPU, 0};
    view.ndim = static_cast<std::int32_t>(tensor.shape().size());
    view.dtype = info(tensor.dtype()).dl;
    view.shape = const_cast<std::int64_t*>(tensor.shape().data());
    return view;
  }
  Context context(const fs::path& package) {
    auto learner = Learner::load(package, {});
    EXPECT_TRUE(learner.ok()) << learner.error().full_message();
    auto made = Context::create(*learner);
    EXPECT_TRUE(made.ok());
    return std::move(*made);
  }
  static Tensor zeros(Shape shape, DType dtype = DType::kFloat32) {
    Tensor tensor(dtype, std::move(shape));
    std::memset(tensor.data(), 0, tensor.bytes());
    return tensor;
  }
};

TEST_F(ContextTest, BindingsAreCheckedAgainstTheSignature) {
  Context context = this->context(mlp());
  auto refused = [&](Tensor tensor) {
    const DLTensor view = dl(tensor);
    const auto bound = context.bind_input(0, &view);
    EXPECT_EQ(bound.error().kind(), ErrorKind::kBadInput);
    return bound.error().message();
  };
  EXPECT_EQ(refused(zeros({2, 16}, DType::kFloat64)), "[learner] expected x float32 [batch, 16], got float64");
  EXPECT_EQ(refused(zeros({16})), "[learner] expected x float32 [batch, 16], got rank 1 (16)");
  EXPECT_EQ(refused(zeros({2, 15})), "[learner] expected x float32 [batch, 16], got 2x15");
  Tensor good = zeros({2, 16});
  DLTensor view = dl(good);
  EXPECT_TRUE(context.bind_input(0, &view).ok());
  EXPECT_EQ(context.bind_input(1, &view).error().kind(), ErrorKind::kUsage);
  std::int64_t strides[] = {16, 1}, transposed[] = {1, 2};
  view.strides = strides;
  EXPECT_TRUE(context.bind_input(0, &view).ok());
  view.strides = transposed;
  EXPECT_THAT(context.bind_input(0, &view).error().message(), HasSubstr("contiguous"));
  view.strides = nullptr;
  view.device = {kDLCUDA, 0};
  EXPECT_THAT(context.bind_input(0, &view).error().message(), HasSubstr("device"));
  view.device = {kDLCPU, 0};
  view.data = nullptr;
  EXPECT_THAT(context.bind_input(0, &view).error().message(), HasSubstr("no memory"));
  std::int64_t negative[] = {-1, 16}, huge[] = {std::int64_t{1} << 60, 16};
  view = dl(good);
  view.shape = negative;
  EXPECT_FALSE(context.bind_input(0, &view).ok());
  view.shape = huge;
  EXPECT_FALSE(context.bind_input(0, &view).ok());
}

TEST_F(ContextTest, TheCallersShapeMayGoAfterBinding) {
  Context context = this->context(mlp());
  Tensor input = zeros({2, 16}), output = zeros({2, 4});
  {
    auto shape = std::make_unique<std::int64_t[]>(2);
    shape[0] = 2;
    shape[1] = 16;
    DLTensor view = dl(input);
    view.shape = shape.get();
    ASSERT_TRUE(context.bind_input(0, &view).ok());
    view = dl(output);
    shape[1] = 4;
    view.shape = shape.get();
    ASSERT_TRUE(context.bind_output(0, &view, output.bytes()).ok());
    shape[0] = shape[1] = 99;
  }
  ASSERT_EQ(context.execute(), nullptr);
  DLTensor view{};
  int bound = 0;
  ASSERT_TRUE(context.output(0, &view, &bound).ok());
  EXPECT_EQ(bound, 1);
  EXPECT_EQ(view.shape[0], 2);
}

TEST_F(ContextTest, AnOutputThatDoesNotFitStaysWithTheBackend) {
  Context context = this->context(mlp());
  Tensor input = zeros({5, 16}), output = zeros({2, 4});
  DLTensor view = dl(input);
  ASSERT_TRUE(context.bind_input(0, &view).ok());
  view = dl(output);
  ASSERT_TRUE(context.bind_output(0, &view, output.bytes()).ok());
  ASSERT_EQ(context.execute(), nullptr);
  int bound = 1;
  ASSERT_TRUE(context.output(0, &view, &bound).ok());
  EXPECT_EQ(bound, 0);
  EXPECT_EQ(view.shape[0], 5);
}

TEST_F(ContextTest, TheSignaturesOrderIsTheCallers) {
  // The package names the outputs in another order than the model has them.
  const fs::path package = test::make_package(root() / "p", testing::models::several_outputs());
  Json manifest = parse_json(read_file(package / "manifest.json").value(), "test").value();
  Json& outputs = manifest["entries"]["main"]["signature"]["outputs"];
  ASSERT_EQ(outputs[0]["name"], "sum");
  std::swap(outputs[0], outputs[2]);
  ASSERT_TRUE(write_file(package / "manifest.json", manifest.dump()).ok());
  Context context = this->context(package);
  Tensor x = test::floats({1, 4}, {1, -2, 3, 4});
  DLTensor view = dl(x);
  ASSERT_TRUE(context.bind_input(0, &view).ok());
  ASSERT_EQ(context.execute(), nullptr);
  ASSERT_TRUE(context.output(0, &view, nullptr).ok());
  EXPECT_EQ(view.dtype.code, kDLBool) << "\"positive\" comes first now";
  EXPECT_EQ(static_cast<const std::uint8_t*>(view.data)[1], 0);
  ASSERT_TRUE(context.output(2, &view, nullptr).ok());
  EXPECT_EQ(*static_cast<const float*>(view.data), 6.0F);
}

TEST_F(ContextTest, ASignatureThatTheModelDoesNotHaveIsRefused) {
  const fs::path package = mlp();
  Json manifest = parse_json(read_file(package / "manifest.json").value(), "test").value();
  manifest["entries"]["main"]["signature"]["inputs"][0]["dtype"] = "float64";
  ASSERT_TRUE(write_file(package / "manifest.json", manifest.dump()).ok());
  const auto learner = Learner::load(package, {});
  EXPECT_EQ(learner.error().kind(), ErrorKind::kUnsupported);
  EXPECT_THAT(learner.error().full_message(), HasSubstr("x float64"));
}

TEST_F(ContextTest, ReshapeIsChecked) {
  Context context = this->context(mlp());
  Tensor input = zeros({4, 16});
  DLTensor view = dl(input);
  ASSERT_TRUE(context.bind_input(0, &view).ok());
  const std::int64_t good[] = {3, 16}, bad[] = {3, 17};
  EXPECT_TRUE(context.reshape_input(0, good).ok());
  EXPECT_EQ(context.reshape_input(0, bad).error().kind(), ErrorKind::kBadInput);
  ASSERT_EQ(context.execute(), nullptr);
  ASSERT_TRUE(context.output(0, &view, nullptr).ok());
  EXPECT_EQ(view.shape[0], 3);
}

TEST_F(ContextTest, EmptyAndScalarTensors) {
  Context rows = this->context(test::make_package(root() / "empty", testing::models::empty()));
  Tensor none = zeros({0, 3});
  DLTensor view = dl(none);
  view.data = nullptr;
  ASSERT_TRUE(rows.bind_input(0, &view).ok());
  ASSERT_EQ(rows.execute(), nullptr);
  ASSERT_TRUE(rows.output(0, &view, nullptr).ok());
  EXPECT_EQ(view.shape[0], 0);

  Context sum = this->context(test::make_package(root() / "scalar", testing::models::scalar()));
  Tensor a = test::floats({}, {2}), b = test::floats({}, {3});
  DLTensor first = dl(a), second = dl(b);
  first.shape = nullptr;
  ASSERT_TRUE(sum.bind_input(0, &first).ok());
  ASSERT_TRUE(sum.bind_input(1, &second).ok());
  ASSERT_EQ(sum.execute(), nullptr);
  ASSERT_TRUE(sum.output(0, &view, nullptr).ok());
  EXPECT_EQ(view.ndim, 0);
  EXPECT_EQ(*static_cast<const float*>(view.data), 5.0F);
}

TEST_F(ContextTest, OutlivesTheLearnersHandle) {
  std::optional<Context> context;
  {
    auto learner = Learner::load(mlp(), {});
    ASSERT_TRUE(learner.ok());
    context.emplace(std::move(*Context::create(*learner)));
  }
  Tensor input = zeros({1, 16});
  const DLTensor view = dl(input);
  ASSERT_TRUE(context->bind_input(0, &view).ok());
  EXPECT_EQ(context->execute(), nullptr);
}

}  // namespace
}  // namespace speedster::learner
