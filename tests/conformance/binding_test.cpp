/// What may be bound, and what a refused binding leaves behind.
#include "conformance/harness.h"

namespace speedster::conformance {
namespace {

namespace models = testing::models;

class Binding : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK(tested().load(save(models::mlp(), "mlp"), {}, model_));
    ASSERT_OK(context_.open(model_));
  }
  Status bind(const DLTensor& view) { return take(tested().table().bind_input(context_.get(), 0, &view)); }
  /// After a refusal, a good binding works as if nothing had been.
  void TearDown() override {
    if (context_.get() == nullptr) return;
    std::vector<HostTensor> inputs = {random_tensor({2, 16}, 9)}, outputs;
    ASSERT_OK(context_.run(inputs, outputs));
    EXPECT_TRUE(near(outputs[0], run_once(oracle(), save(models::mlp(), "mlp"), {inputs[0]})[0], 1e-5, 1e-5));
  }

  Model model_;
  Context context_;
  HostTensor good_ = random_tensor({2, 16}, 1);
};

TEST_F(Binding, WrongDtype) {
  HostTensor wrong({kDLFloat, 64, 1}, {2, 16}, 256);
  EXPECT_CODE(SP_INVALID, context_.bind_input(0, wrong));
  HostTensor integers({kDLInt, 32, 1}, {2, 16}, 128);
  EXPECT_CODE(SP_INVALID, context_.bind_input(0, integers));
  HostTensor lanes({kDLFloat, 32, 2}, {2, 16}, 256);
  EXPECT_CODE(SP_INVALID, context_.bind_input(0, lanes));
}

TEST_F(Binding, Strings) {
  HostTensor strings({kDLOpaqueHandle, 64, 1}, {2, 16}, 256);
  EXPECT_CODE(SP_INVALID, context_.bind_input(0, strings));
}

TEST_F(Binding, WrongRank) {
  HostTensor flat = random_tensor({32}, 1), deep = random_tensor({1, 2, 16}, 1);
  EXPECT_CODE(SP_SHAPE, context_.bind_input(0, flat));
  EXPECT_CODE(SP_SHAPE, context_.bind_input(0, deep));
}

TEST_F(Binding, WrongFixedExtent) {
  HostTensor narrow = random_tensor({2, 15}, 1);
  const Status status = context_.bind_input(0, narrow);
  EXPECT_EQ(status.code, SP_SHAPE) << status;
  EXPECT_NE(status.message.find("x"), std::string::npos) << "expected the input's name, got " << status.message;
}

TEST_F(Binding, NegativeAndHugeExtents) {
  DLTensor view = good_.view();
  std::int64_t negative[] = {-1, 16}, huge[] = {std::int64_t{1} << 61, 16};
  view.strides = nullptr;
  view.shape = negative;
  EXPECT_CODE(SP_SHAPE, bind(view));
  view.shape = huge;
  EXPECT_CODE(SP_SHAPE, bind(view));
}

TEST_F(Binding, NullDataWithElements) {
  DLTensor view = good_.view();
  view.data = nullptr;
  EXPECT_CODE(SP_INVALID, bind(view));
}

TEST_F(Binding, StridesThatAreNotContiguous) {
  DLTensor view = good_.view();
  std::int64_t strides[] = {1, 2};
  view.strides = strides;
  EXPECT_CODE(SP_INVALID, bind(view));
}

TEST_F(Binding, MemoryOfAnotherDevice) {
  DLTensor view = good_.view();
  view.device = {kDLCUDA, 0};
  EXPECT_CODE(SP_INVALID, bind(view));
}

TEST_F(Binding, ByteOffset) {
  HostTensor padded = random_tensor({3, 16}, 4);
  DLTensor view = padded.view();
  std::int64_t shape[] = {2, 16};
  view.shape = shape;
  view.byte_offset = 64;
  ASSERT_OK(bind(view));
  ASSERT_OK(context_.execute());
  HostTensor actual, shifted(padded.dtype, {2, 16}, 128);
  std::memcpy(shifted.bytes.data(), padded.bytes.data() + 64, 128);
  ASSERT_OK(context_.output(0, actual));
  EXPECT_TRUE(near(actual, run_once(oracle(), save(models::mlp(), "mlp"), {shifted})[0], 1e-5, 1e-5));
}

TEST_F(Binding, IndexOutOfRange) {
  EXPECT_FALSE(context_.bind_input(1, good_).ok());
  EXPECT_FALSE(context_.bind_output(1, good_).ok());
  HostTensor result;
  EXPECT_FALSE(context_.output(1, result).ok());
}

TEST_F(Binding, RequiredInputAbsent) {
  EXPECT_CODE(SP_INVALID, take(tested().table().bind_input(context_.get(), 0, nullptr)));
  EXPECT_CODE(SP_INVALID, context_.execute()) << "expected an execution with an unbound input to be refused";
}

TEST_F(Binding, ReshapeNeedsABinding) {
  const std::int64_t shape[] = {1, 16};
  EXPECT_CODE(SP_INVALID, take(tested().table().reshape_input(context_.get(), 0, 2, shape)));
}

TEST_F(Binding, ReshapeKeepsTheMemory) {
  ASSERT_OK(context_.bind_input(0, good_));
  ASSERT_OK(context_.execute());
  const std::int64_t one[] = {1, 16}, wrong[] = {1, 15};
  EXPECT_CODE(SP_SHAPE, take(tested().table().reshape_input(context_.get(), 0, 2, wrong)));
  EXPECT_CODE(SP_SHAPE, take(tested().table().reshape_input(context_.get(), 0, 1, one)));
  ASSERT_OK(take(tested().table().reshape_input(context_.get(), 0, 2, one)));
  ASSERT_OK(context_.execute());
  HostTensor actual, first(good_.dtype, {1, 16}, 64);
  std::memcpy(first.bytes.data(), good_.bytes.data(), 64);
  ASSERT_OK(context_.output(0, actual));
  EXPECT_TRUE(near(actual, run_once(oracle(), save(models::mlp(), "mlp"), {first})[0], 1e-5, 1e-5));
}

TEST_F(Binding, LastsUntilItIsReplaced) {
  ASSERT_OK(context_.bind_input(0, good_));
  ASSERT_OK(context_.execute());
  const HostTensor other = random_tensor({2, 16}, 77);
  std::memcpy(good_.bytes.data(), other.bytes.data(), other.bytes.size());  // the caller's memory, seen anew each time
  ASSERT_OK(context_.execute());
  HostTensor actual;
  ASSERT_OK(context_.output(0, actual));
  EXPECT_TRUE(near(actual, run_once(oracle(), save(models::mlp(), "mlp"), {other})[0], 1e-5, 1e-5));
}

TEST_F(Binding, OutputWithAnotherDtype) {
  HostTensor wrong({kDLFloat, 64, 1}, {2, 4}, 64);
  EXPECT_CODE(SP_INVALID, context_.bind_output(0, wrong));
}

TEST_F(Binding, UnknownContextOption) {
  Context context;
  EXPECT_CODE(SP_INVALID, context.open(model_, 0, {{"colour", "blue"}}));
}

TEST_F(Binding, StreamOnAHost) {
  ASSERT_OK(context_.bind_input(0, good_));
  sp_run run{};
  run.size = sizeof(run);
  run.has_stream = 1;
  EXPECT_CODE(SP_UNSUPPORTED, take(tested().table().execute(context_.get(), &run)));
}

/// An initializer of the same name makes an input optional: its default.
TEST(OptionalInput, AbsentTakesItsDefault) {
  testing::OnnxWriter m;
  m.input("x", testing::OnnxType::kFloat, {2})
      .input("bias", testing::OnnxType::kFloat, {2})
      .output("y", testing::OnnxType::kFloat, {2});
  m.initializer<float>("bias", {2}, {10, 20}).node("Add", {"x", "bias"}, {"y"});
  Model model;
  ASSERT_OK(tested().load(save(m, "optional"), {}, model));
  Context context;
  ASSERT_OK(context.open(model));
  HostTensor x = tensor<float>({2}, {1, 2}), result;
  ASSERT_OK(context.bind_input(0, x));
  if (model.signature().inputs == 2) {  // a vendor may take the initializer for a constant and show no input
    EXPECT_EQ(model.signature().input[1]->flags & 1U, 1U) << "expected an input with a default to be optional";
    ASSERT_OK(take(tested().table().bind_input(context.get(), 1, nullptr)));
  }
  ASSERT_OK(context.execute());
  ASSERT_OK(context.output(0, result));
  EXPECT_TRUE(near(result, tensor<float>({2}, {11, 22}), 0, 0));
}

}  // namespace
}  // namespace speedster::conformance
