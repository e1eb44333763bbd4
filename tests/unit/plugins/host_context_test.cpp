#include "support/host_context.h"

#include <numeric>

#include "unit/plugins/folder.h"

namespace speedster::plugin {
namespace {

/// x float32 [n] → y: x and one more zero for each element that is above 10 (so the shape depends on values if asked
/// for), written where the context says; counts what it is asked to do.
class FakeVendor final : public HostContext {
 public:
  FakeVendor(const sp_signature& signature, ShapeMemory& shapes)
      : HostContext("fake", signature, shapes, StopKind::kSticky) {}

  int runs = 0, allocations = 0;
  bool fail_next = false;
  std::function<void()> during;  ///< called while it runs
  bool stopped = false;

 private:
  void read_from(std::uint32_t, void* data, const Shape& shape) override {
    input_ = static_cast<const float*>(data);
    count_ = static_cast<std::size_t>(shape[0]);
  }
  void write_to(std::uint32_t, void* data, const Shape& shape) override {
    set(static_cast<float*>(data), shape[0], nullptr);
  }
  void* write_to_own(std::uint32_t, const Shape& shape) override {
    auto memory = make(static_cast<std::size_t>(shape[0]));
    set(memory.get(), shape[0], memory);
    return target_;
  }
  void write_anywhere(std::uint32_t) override { set(nullptr, -1, nullptr); }
  Result result(std::uint32_t) override { return {target_, {room_}}; }
  std::shared_ptr<void> give_away(std::uint32_t) override { return std::move(memory_); }
  void stop() override { stopped = true; }
  void forget_stop() override { stopped = false; }
  void run() override {
    ++runs;
    if (during) during();
    if (stopped) throw Failure(SP_VENDOR, "[fake] terminated");
    if (std::exchange(fail_next, false)) throw Failure(SP_VENDOR, "[fake] failed");
    const auto extra = std::count_if(input_, input_ + count_, [](float v) { return v > 10; });
    const auto size = count_ + static_cast<std::size_t>(extra);
    if (target_ == nullptr) {
      auto memory = make(size);
      set(memory.get(), static_cast<std::int64_t>(size), memory);
    }
    // A vendor that was given the memory holds the result to its shape.
    if (room_ != static_cast<std::int64_t>(size)) throw Failure(SP_VENDOR, "[fake] expected another shape");
    std::copy_n(input_, count_, target_);
    std::fill_n(target_ + count_, extra, 0.0F);
  }
  std::shared_ptr<float> make(std::size_t count) {
    ++allocations;
    return std::shared_ptr<float>(new float[count + 1], std::default_delete<float[]>());
  }
  void set(float* target, std::int64_t room, std::shared_ptr<float> memory) {
    target_ = target;
    room_ = room;
    memory_ = std::move(memory);
  }

  const float* input_ = nullptr;
  std::size_t count_ = 0;
  float* target_ = nullptr;
  std::int64_t room_ = -1;
  std::shared_ptr<float> memory_;
};

class HostContextTest : public ::testing::Test {
 protected:
  explicit HostContextTest(bool value_dependent = false)
      : storage_({spec("x")}, {spec("y")}),
        shapes_(*storage_.get(), {value_dependent}),
        context_(*storage_.get(), shapes_) {}

  static TensorSpec spec(const char* name) {
    TensorSpec result;
    result.name = name;
    result.shape = {-1};
    return result;
  }
  void feed(std::vector<float> values) {
    values_ = std::move(values);
    shape_ = {static_cast<std::int64_t>(values_.size())};
    const DLTensor tensor = {values_.data(), {kDLCPU, 0}, 1, make_dtype(kDLFloat, 32), shape_.data(), nullptr, 0};
    context_.bind_input(0, &tensor);
  }
  void bind(std::vector<float>& room) {
    room_shape_ = {static_cast<std::int64_t>(room.size())};
    const DLTensor tensor = {room.data(), {kDLCPU, 0}, 1, make_dtype(kDLFloat, 32), room_shape_.data(), nullptr, 0};
    context_.bind_output(0, &tensor, room.size() * sizeof(float));
  }
  /// The result and whether it lies in bound memory.
  std::pair<std::vector<float>, bool> read() {
    DLTensor view;
    int bound = 0;
    context_.output(0, &view, &bound);
    const auto* data = static_cast<const float*>(view.data);
    return {{data, data + view.shape[0]}, bound != 0};
  }

  SignatureStorage storage_;
  ShapeMemory shapes_;
  FakeVendor context_;
  std::vector<float> values_;
  std::vector<std::int64_t> shape_, room_shape_;
};

class ValueDependent : public HostContextTest {
 protected:
  ValueDependent() : HostContextTest(true) {}
};

TEST_F(HostContextTest, FirstCopiesThenWritesStraightIntoTheCallersMemory) {
  std::vector<float> room(3);
  feed({1, 2, 3});
  bind(room);
  context_.execute(nullptr);
  EXPECT_EQ(read(), (std::pair{std::vector<float>{1, 2, 3}, true}));
  EXPECT_EQ(context_.allocations, 1) << "the vendor's own, as the shape was not known";
  for (int i = 0; i < 5; ++i) context_.execute(nullptr);
  EXPECT_EQ(context_.allocations, 1);
  EXPECT_EQ(context_.runs, 6) << "expected nothing to run twice";
  std::vector<float> other(8);
  bind(other);
  context_.execute(nullptr);
  EXPECT_EQ(read(), (std::pair{std::vector<float>{1, 2, 3}, true}));
  EXPECT_EQ(other[2], 3);
  EXPECT_EQ(context_.allocations, 1);
}

TEST_F(HostContextTest, AnotherShapeIsLearntAgainAndTheFirstIsKept) {
  std::vector<float> room(4);
  bind(room);
  for (int round = 0; round < 3; ++round) {
    feed({1, 2, 3});
    context_.execute(nullptr);
    EXPECT_EQ(read().first, (std::vector<float>{1, 2, 3}));
    feed({4, 5, 6, 7});
    context_.execute(nullptr);
    EXPECT_EQ(read().first, (std::vector<float>{4, 5, 6, 7}));
  }
  EXPECT_EQ(context_.allocations, 2) << "one for each shape";
}

TEST_F(HostContextTest, TooLittleRoomIsTheBackends) {
  std::vector<float> room(2, -1);
  feed({1, 2, 3});
  bind(room);
  for (int i = 0; i < 3; ++i) {
    context_.execute(nullptr);
    EXPECT_EQ(read(), (std::pair{std::vector<float>{1, 2, 3}, false}));
  }
  EXPECT_EQ(room, (std::vector<float>{-1, -1})) << "expected nothing to be written where it does not fit";
  EXPECT_EQ(context_.allocations, 2) << "the first, and one that is kept";
}

TEST_F(ValueDependent, ShapesOfValuesAreNeverForetold) {
  std::vector<float> room(5);
  bind(room);
  feed({1, 2, 3});
  context_.execute(nullptr);
  feed({1, 20, 30});
  context_.execute(nullptr);
  EXPECT_EQ(read(), (std::pair{std::vector<float>{1, 20, 30, 0, 0}, true}));
  feed({20, 20, 20});
  context_.execute(nullptr);
  EXPECT_EQ(read(), (std::pair{std::vector<float>{20, 20, 20, 0, 0, 0}, false}));
  EXPECT_EQ(context_.runs, 3);
}

TEST_F(HostContextTest, TakenMemoryIsNotWrittenAgain) {
  feed({1, 2});
  for (int i = 0; i < 3; ++i) {
    context_.execute(nullptr);
    DLManagedTensorVersioned* taken = context_.take_output(0);
    EXPECT_EQ(failure_code([&] { read(); }), SP_INVALID) << "expected a taken output to be gone";
    EXPECT_EQ(failure_code([&] { context_.take_output(0); }), SP_INVALID);
    const auto* data = static_cast<const float*>(taken->dl_tensor.data);
    feed({7, 8});
    context_.execute(nullptr);
    EXPECT_EQ(data[0], 1);
    taken->deleter(taken);
    feed({1, 2});
  }
}

TEST_F(HostContextTest, BoundMemoryCannotBeTaken) {
  std::vector<float> room(2);
  feed({1, 2});
  bind(room);
  context_.execute(nullptr);
  EXPECT_EQ(failure_code([&] { context_.take_output(0); }), SP_INVALID);
}

TEST_F(HostContextTest, MemoryThatWasBoundIsTheCallersWhateverIsBoundNow) {
  std::vector<float> room(4), other(4);
  feed({1, 2});
  bind(room);
  context_.execute(nullptr);
  bind(other);
  EXPECT_TRUE(read().second) << "the result lies where it was made";
  EXPECT_EQ(failure_code([&] { context_.take_output(0); }), SP_INVALID) << "it would be freed under its new owner";
  context_.bind_output(0, nullptr, 0);
  EXPECT_EQ(failure_code([&] { context_.take_output(0); }), SP_INVALID);
  context_.execute(nullptr);
  EXPECT_FALSE(read().second);
}

TEST_F(HostContextTest, AStoppedExecutionIsCancelledAndTheNextOneIsNot) {
  feed({1, 2});
  context_.during = [&] { context_.cancel(); };
  EXPECT_EQ(failure_code([&] { context_.execute(nullptr); }), SP_CANCELLED);
  EXPECT_EQ(failure_code([&] { read(); }), SP_INVALID) << "expected no output of a cancelled execution";
  context_.during = nullptr;
  context_.execute(nullptr);
  EXPECT_EQ(read().first, (std::vector<float>{1, 2}));
}

TEST_F(HostContextTest, AFailedExecutionHasNoOutputAndTheNextOneWorks) {
  feed({1, 2});
  context_.execute(nullptr);
  context_.fail_next = true;
  EXPECT_EQ(failure_code([&] { context_.execute(nullptr); }), SP_VENDOR);
  EXPECT_EQ(failure_code([&] { read(); }), SP_INVALID);
  context_.execute(nullptr);
  EXPECT_EQ(read().first, (std::vector<float>{1, 2}));
}

TEST_F(HostContextTest, NothingRunsWithoutItsInput) {
  EXPECT_EQ(failure_code([&] { context_.execute(nullptr); }), SP_INVALID);
  EXPECT_EQ(failure_code([&] { context_.bind_input(0, nullptr); }), SP_INVALID);
  EXPECT_EQ(failure_code([&] { context_.bind_output(1, nullptr, 0); }), SP_INVALID);
  const std::int64_t two = 2;
  EXPECT_EQ(failure_code([&] { context_.reshape_input(0, 1, &two); }), SP_INVALID);
  EXPECT_EQ(context_.runs, 0);
}

TEST_F(HostContextTest, ReshapedInputKeepsItsMemory) {
  feed({1, 2, 3});
  const std::int64_t two = 2;
  context_.reshape_input(0, 1, &two);
  context_.execute(nullptr);
  EXPECT_EQ(read().first, (std::vector<float>{1, 2}));
}

TEST_F(HostContextTest, AsynchronousExecutionEndsWithDone) {
  feed({1, 2});
  struct Ending {
    std::atomic<bool> called{false};
    sp_error* error = nullptr;
  } ending;
  sp_run run = {};
  run.size = sizeof(run);
  run.user = &ending;
  run.done = [](void* user, sp_error* error) {
    auto& e = *static_cast<Ending*>(user);
    e.error = error;
    e.called = true;
  };
  context_.execute(&run);
  context_.finish();
  EXPECT_TRUE(ending.called);
  EXPECT_EQ(ending.error, nullptr);
  EXPECT_EQ(read().first, (std::vector<float>{1, 2}));
}

}  // namespace
}  // namespace speedster::plugin
