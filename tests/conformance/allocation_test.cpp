/// The steady state: same bindings and shapes, no allocation of the plug-in's own, no memory that grows.
#include <malloc.h>

#include <cstdlib>
#include <cstring>
#include <string>

#include "conformance/allocations.h"
#include "conformance/harness.h"
#include "job/sanitizer.h"

namespace speedster::conformance {
namespace {

namespace models = testing::models;

void expect_steady(const testing::OnnxWriter& writer, const std::string& name, HostTensor input,
                   std::vector<HostTensor> outputs) {
  SCOPED_TRACE(name);
  Model model;
  ASSERT_OK(tested().load(save(writer, name), {}, model));
  Context context;
  ASSERT_OK(context.open(model));
  ASSERT_OK(context.bind_input(0, input));
  for (std::uint32_t i = 0; i < outputs.size(); ++i) ASSERT_OK(context.bind_output(i, outputs[i]));
  const sp_backend& table = tested().table();
  for (int i = 0; i < 5; ++i) ASSERT_OK(context.execute());

  sp_error* error = nullptr;
  std::uint64_t own = 0;
  const std::size_t before = ::mallinfo2().uordblks;
  {
    const AllocationCounter counter(reinterpret_cast<const void*>(table.execute));
    for (int i = 0; i < 200 && error == nullptr; ++i) {
      error = table.execute(context.get(), nullptr);
      DLTensor view;
      for (std::uint32_t k = 0; k < outputs.size() && error == nullptr; ++k)
        error = table.output(context.get(), k, &view, nullptr);
    }
    own = counter.count();
  }
  const std::size_t after = ::mallinfo2().uordblks;
  ASSERT_OK(take(error));
  EXPECT_EQ(own, 0U) << "expected no allocation by the plug-in's code in 200 executions";
  EXPECT_LT(after, before + 65536) << "expected memory in use not to grow over 200 executions";
}

TEST(Steady, BoundOutput) {
  expect_steady(models::mlp(), "mlp", random_tensor({2, 16}, 1), {HostTensor({kDLFloat, 32, 1}, {2, 4}, 32)});
}

TEST(Steady, ConvolutionsIntoBoundOutput) {
  expect_steady(models::small_cnn(), "small_cnn", random_tensor({1, 3, 16, 16}, 1),
                {HostTensor({kDLFloat, 32, 1}, {1, 5}, 20)});
}

TEST(Steady, SeveralOutputs) {
  expect_steady(models::several_outputs(), "several_outputs", random_tensor({3, 4}, 1),
                {HostTensor({kDLFloat, 32, 1}, {3}, 12), HostTensor({kDLInt, 64, 1}, {3}, 24),
                 HostTensor({kDLBool, 8, 1}, {3, 4}, 12)});
}

/// The counter counts: opening a context allocates.
TEST(Steady, CounterSeesThePlugin) {
  Model model;
  ASSERT_OK(tested().load(save(models::mlp(), "mlp"), {}, model));
  sp_context* context = nullptr;
  const AllocationCounter counter(reinterpret_cast<const void*>(tested().table().execute));
  ASSERT_EQ(tested().table().open_context(model.get(), 0, nullptr, &context), nullptr);
  EXPECT_GT(counter.count(), 0U);
  tested().table().close_context(context);
}

/// It counts what this program's own code asks for, in whatever way.
TEST(Steady, CounterSeesEveryWay) {
  const auto counted = [](auto&& allocate) {
    const AllocationCounter counter(reinterpret_cast<const void*>(&expect_steady));
    void* volatile memory = allocate();  // volatile: a pair of malloc and free may be left out
    std::free(memory);
    return counter.count();
  };
  EXPECT_EQ(counted([] { return static_cast<void*>(nullptr); }), 0U);
  if (job::kSanitized) GTEST_SKIP() << "the sanitizer's malloc stays";
  EXPECT_EQ(counted([] { return std::malloc(100); }), 1U);
  EXPECT_EQ(counted([] { return std::calloc(10, 10); }), 1U);
  EXPECT_EQ(counted([] { return std::realloc(nullptr, 100); }), 1U);
  EXPECT_EQ(counted([] { return std::aligned_alloc(64, 128); }), 1U);
  EXPECT_EQ(counted([] {
              void* memory = nullptr;
              EXPECT_EQ(::posix_memalign(&memory, 64, 100), 0);
              return memory;
            }),
            1U);
  EXPECT_EQ(counted([] { return static_cast<void*>(::strdup("libc allocates it")); }), 1U);
  EXPECT_GT(counted([] {
              std::string text;
              text.append(100, 'x').append(text);  // grows inside libstdc++
              return static_cast<void*>(nullptr);
            }),
            0U);
}

TEST(Steady, LoadsDoNotPileUp) {
  const auto path = save(models::mlp(), "mlp");
  const auto round = [&] {
    Model model;
    Context context;
    std::vector<HostTensor> inputs = {random_tensor({2, 16}, 1)}, outputs;
    EXPECT_OK(tested().load(path, {}, model));
    EXPECT_OK(context.open(model));
    EXPECT_OK(context.run(inputs, outputs));
  };
  for (int i = 0; i < 5; ++i) round();
  const std::size_t before = ::mallinfo2().uordblks;
  for (int i = 0; i < 20; ++i) round();
  EXPECT_LT(::mallinfo2().uordblks, before + std::size_t{1024} * 1024)
      << "expected closed models to give their memory back";
}

}  // namespace
}  // namespace speedster::conformance
