/// Who owns an output, and how long it lives.
#include <thread>

#include "conformance/harness.h"

namespace speedster::conformance {
namespace {

namespace models = testing::models;

class Outputs : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto path = save(models::mlp(), "mlp");
    ASSERT_OK(tested().load(path, {}, model_));
    ASSERT_OK(context_.open(model_));
    expected_ = run_once(oracle(), path, {input_})[0];
    ASSERT_OK(context_.bind_input(0, input_));
  }
  Status take_output(DLManagedTensorVersioned** taken) {
    return take(tested().table().take_output(context_.get(), 0, taken));
  }

  Model model_;
  Context context_;
  HostTensor input_ = random_tensor({3, 16}, 21), expected_;
};

TEST_F(Outputs, BeforeAnyExecution) {
  HostTensor result;
  EXPECT_CODE(SP_INVALID, context_.output(0, result));
  DLManagedTensorVersioned* taken = nullptr;
  EXPECT_CODE(SP_INVALID, take_output(&taken));
}

TEST_F(Outputs, OwnedByTheBackend) {
  ASSERT_OK(context_.execute());
  HostTensor result;
  bool in_bound_memory = true;
  ASSERT_OK(context_.output(0, result, &in_bound_memory));
  EXPECT_FALSE(in_bound_memory);
  EXPECT_TRUE(near(result, expected_, 1e-5, 1e-5));
}

TEST_F(Outputs, BoundExactly) {
  HostTensor room({kDLFloat, 32, 1}, {3, 4}, 48), result;
  ASSERT_OK(context_.bind_output(0, room));
  ASSERT_OK(context_.execute());
  bool in_bound_memory = false;
  ASSERT_OK(context_.output(0, result, &in_bound_memory));
  EXPECT_TRUE(in_bound_memory);
  EXPECT_TRUE(near(result, expected_, 1e-5, 1e-5));
  EXPECT_TRUE(near(room, expected_, 1e-5, 1e-5)) << "expected the result in the caller's memory";
  DLTensor view{};
  ASSERT_OK(take(tested().table().output(context_.get(), 0, &view, nullptr)));
  EXPECT_EQ(static_cast<std::byte*>(view.data) + view.byte_offset, room.bytes.data())
      << "expected a view of the caller's memory";
}

TEST_F(Outputs, AnInputThatIsAnOutputToo) {
  const auto path = save(models::passed_through(), "passed_through");
  Model model;
  ASSERT_OK(tested().load(path, {}, model));
  Context context;
  ASSERT_OK(context.open(model));
  for (const std::int64_t rows : {3, 3, 5}) {
    HostTensor input = random_tensor({rows, 2}, static_cast<std::uint64_t>(rows));
    ASSERT_OK(context.bind_input(0, input));
    ASSERT_OK(context.execute());
    HostTensor result;
    ASSERT_OK(context.output(0, result));
    EXPECT_TRUE(near(result, input, 0, 0)) << rows << " rows";
  }
  HostTensor input = random_tensor({4, 2}, 9);
  HostTensor room({kDLFloat, 32, 1}, {4, 2}, 32);
  ASSERT_OK(context.bind_input(0, input));
  ASSERT_OK(context.bind_output(0, room));
  ASSERT_OK(context.execute());
  EXPECT_TRUE(near(room, input, 0, 0)) << "into the caller's memory";
}

TEST_F(Outputs, BoundLargerThanNeeded) {
  HostTensor room({kDLFloat, 32, 1}, {8, 4}, 128), result;
  std::memset(room.bytes.data(), 0x5A, room.bytes.size());
  ASSERT_OK(context_.bind_output(0, room));
  ASSERT_OK(context_.execute());
  bool in_bound_memory = false;
  ASSERT_OK(context_.output(0, result, &in_bound_memory));
  EXPECT_TRUE(in_bound_memory) << "expected 48 bytes to fit where 128 do";
  EXPECT_TRUE(near(result, expected_, 1e-5, 1e-5));
  for (std::size_t i = 48; i < room.bytes.size(); ++i)
    ASSERT_EQ(room.bytes[i], std::byte{0x5A}) << "expected bytes behind the result untouched, at " << i;
}

TEST_F(Outputs, BoundTooSmallIsOwnedInstead) {
  HostTensor room({kDLFloat, 32, 1}, {1, 4}, 16), result;
  std::memset(room.bytes.data(), 0x5A, room.bytes.size());
  ASSERT_OK(context_.bind_output(0, room)) << "binding never fails on size";
  ASSERT_OK(context_.execute());
  bool in_bound_memory = true;
  ASSERT_OK(context_.output(0, result, &in_bound_memory));
  EXPECT_FALSE(in_bound_memory);
  EXPECT_TRUE(near(result, expected_, 1e-5, 1e-5));
  for (const std::byte b : room.bytes) ASSERT_EQ(b, std::byte{0x5A}) << "expected memory that is too small untouched";
}

TEST_F(Outputs, BoundWithOffset) {
  HostTensor room({kDLFloat, 32, 1}, {5, 4}, 80);
  DLTensor view = room.view();
  std::int64_t shape[] = {3, 4};
  view.shape = shape;
  view.byte_offset = 16;
  ASSERT_OK(take(tested().table().bind_output(context_.get(), 0, &view, 64)));
  ASSERT_OK(context_.execute());
  HostTensor shifted({kDLFloat, 32, 1}, {3, 4}, 48);
  std::memcpy(shifted.bytes.data(), room.bytes.data() + 16, 48);
  EXPECT_TRUE(near(shifted, expected_, 1e-5, 1e-5)) << "expected the result behind the offset";
}

TEST_F(Outputs, UnboundAgain) {
  HostTensor room({kDLFloat, 32, 1}, {3, 4}, 48), result;
  ASSERT_OK(context_.bind_output(0, room));
  ASSERT_OK(context_.execute());
  ASSERT_OK(context_.unbind_output(0));
  std::memset(room.bytes.data(), 0x5A, room.bytes.size());
  ASSERT_OK(context_.execute());
  bool in_bound_memory = true;
  ASSERT_OK(context_.output(0, result, &in_bound_memory));
  EXPECT_FALSE(in_bound_memory);
  EXPECT_TRUE(near(result, expected_, 1e-5, 1e-5));
  EXPECT_EQ(room.bytes[0], std::byte{0x5A}) << "expected the former memory untouched";
}

TEST_F(Outputs, BindingFollowsTheShape) {
  HostTensor room({kDLFloat, 32, 1}, {3, 4}, 48), result;
  ASSERT_OK(context_.bind_output(0, room));
  for (const std::int64_t batch : {3, 1, 2, 5, 3}) {
    HostTensor input = random_tensor({batch, 16}, 31);
    ASSERT_OK(context_.bind_input(0, input));
    ASSERT_OK(context_.execute());
    bool in_bound_memory = false;
    ASSERT_OK(context_.output(0, result, &in_bound_memory));
    EXPECT_EQ(in_bound_memory, batch <= 3) << "batch " << batch;
    EXPECT_TRUE(near(result, run_once(oracle(), save(models::mlp(), "mlp"), {input})[0], 1e-5, 1e-5))
        << "batch " << batch;
  }
}

TEST_F(Outputs, TakenOutlivesContextAndModel) {
  ASSERT_OK(context_.execute());
  DLManagedTensorVersioned* taken = nullptr;
  ASSERT_OK(take_output(&taken));
  ASSERT_NE(taken, nullptr);
  context_.close();
  model_.close();
  EXPECT_EQ(taken->version.major, static_cast<std::uint32_t>(DLPACK_MAJOR_VERSION));
  EXPECT_TRUE(near(copy_of(taken->dl_tensor), expected_, 1e-5, 1e-5));
  ASSERT_NE(taken->deleter, nullptr);
  taken->deleter(taken);
}

TEST_F(Outputs, TakenStaysAsItWas) {
  ASSERT_OK(context_.execute());
  DLManagedTensorVersioned* first = nullptr;
  ASSERT_OK(take_output(&first));
  const HostTensor before = copy_of(first->dl_tensor);
  HostTensor other = random_tensor({3, 16}, 22), result;
  ASSERT_OK(context_.bind_input(0, other));
  ASSERT_OK(context_.execute());
  EXPECT_TRUE(near(copy_of(first->dl_tensor), before, 0, 0))
      << "expected a taken tensor not to change with the next execution";
  ASSERT_OK(context_.output(0, result));
  EXPECT_TRUE(near(result, run_once(oracle(), save(models::mlp(), "mlp"), {other})[0], 1e-5, 1e-5));
  first->deleter(first);
}

TEST_F(Outputs, TakenOnce) {
  ASSERT_OK(context_.execute());
  DLManagedTensorVersioned *taken = nullptr, *again = nullptr;
  ASSERT_OK(take_output(&taken));
  EXPECT_CODE(SP_INVALID, take_output(&again));
  EXPECT_EQ(again, nullptr);
  taken->deleter(taken);
}

TEST_F(Outputs, TheCallersMemoryCannotBeTaken) {
  HostTensor room({kDLFloat, 32, 1}, {3, 4}, 48);
  ASSERT_OK(context_.bind_output(0, room));
  ASSERT_OK(context_.execute());
  DLManagedTensorVersioned* taken = nullptr;
  EXPECT_CODE(SP_INVALID, take_output(&taken));
}

TEST_F(Outputs, TakenOnAnotherThread) {
  ASSERT_OK(context_.execute());
  DLManagedTensorVersioned* taken = nullptr;
  ASSERT_OK(take_output(&taken));
  std::thread([taken] { taken->deleter(taken); }).join();
  ASSERT_OK(context_.execute());
}

TEST_F(Outputs, SeveralOfSeveralDtypes) {
  HostTensor x = tensor<float>({2, 4}, {1, -5, 2, 3, -9, 0, 7, 0});
  const auto results = run_once(tested(), save(models::several_outputs(), "several_outputs"), {x});
  ASSERT_EQ(results.size(), 3U);
  EXPECT_TRUE(near(results[0], tensor<float>({2}, {1, -2}), 1e-6, 1e-6));
  EXPECT_TRUE(near(results[1], tensor<std::int64_t>({2}, {3, 2}), 0, 0));
  HostTensor positive({kDLBool, 8, 1}, {2, 4}, 8);
  const std::uint8_t bits[] = {1, 0, 1, 1, 0, 0, 1, 0};
  std::memcpy(positive.bytes.data(), bits, 8);
  EXPECT_TRUE(near(results[2], positive, 0, 0));
}

/// Outputs that are an input or share memory are still tensors of their own.
TEST(SharedOutputs, TakenSeparately) {
  testing::OnnxWriter m;
  m.input("x", testing::OnnxType::kFloat, {2, 2})
      .output("same", testing::OnnxType::kFloat, {2, 2})
      .output("flat", testing::OnnxType::kFloat, {4});
  m.initializer<std::int64_t>("shape", {1}, {4})
      .node("Identity", {"x"}, {"same"})
      .node("Reshape", {"x", "shape"}, {"flat"});
  Model model;
  ASSERT_OK(tested().load(save(m, "shared"), {}, model));
  Context context;
  ASSERT_OK(context.open(model));
  HostTensor x = tensor<float>({2, 2}, {1, 2, 3, 4});
  ASSERT_OK(context.bind_input(0, x));
  ASSERT_OK(context.execute());
  DLManagedTensorVersioned* taken[2] = {};
  for (std::uint32_t i = 0; i < 2; ++i) ASSERT_OK(take(tested().table().take_output(context.get(), i, &taken[i])));
  x.as<float>()[0] = 99;  // the caller's memory is no longer in them
  EXPECT_TRUE(near(copy_of(taken[0]->dl_tensor), tensor<float>({2, 2}, {1, 2, 3, 4}), 0, 0));
  EXPECT_TRUE(near(copy_of(taken[1]->dl_tensor), tensor<float>({4}, {1, 2, 3, 4}), 0, 0));
  taken[0]->deleter(taken[0]);
  taken[1]->deleter(taken[1]);
}

}  // namespace
}  // namespace speedster::conformance
