// The C interface and the C++ header over it, through the shared library.
#include <gmock/gmock.h>
#include <speedster/learner.h>
#include <speedster/version.h>

#include <atomic>
#include <cstdlib>
#include <new>
#include <thread>

#include "unit/learner/fixture.h"

namespace {
std::atomic<bool> counting{false}, exhausted{false};
std::atomic<std::size_t> allocations{0};

void* counted(std::size_t size) {
  if (counting.load(std::memory_order_relaxed)) allocations.fetch_add(1, std::memory_order_relaxed);
  void* memory = exhausted.load(std::memory_order_relaxed) ? nullptr : std::malloc(size);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
}  // namespace

// Seen by the shared library too: operator new is looked up in the program first.
void* operator new(std::size_t size) { return counted(size); }
void* operator new[](std::size_t size) { return counted(size); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }

namespace speedster {
namespace {

using ::testing::HasSubstr;

class CApi : public learner::LearnerTest {};

TEST_F(CApi, NullIsAnErrorAndNoCrash) {
  auto kind_of = [](speedster_error* error) {
    const int kind = speedster_error_kind(error);
    speedster_error_free(error);
    return kind;
  };
  const int usage = static_cast<int>(ErrorKind::kUsage);
  speedster_learner* learner = nullptr;
  EXPECT_EQ(kind_of(speedster_learner_load(nullptr, nullptr, &learner)), usage);
  EXPECT_EQ(kind_of(speedster_learner_load("x", nullptr, nullptr)), usage);
  EXPECT_EQ(kind_of(speedster_run(nullptr)), usage);
  EXPECT_EQ(kind_of(speedster_bind_input(nullptr, 0, nullptr)), usage);
  EXPECT_EQ(kind_of(speedster_bind_output(nullptr, 0, nullptr, 0)), usage);
  EXPECT_EQ(kind_of(speedster_reshape_input(nullptr, 0, 1, nullptr)), usage);
  EXPECT_EQ(kind_of(speedster_get_output(nullptr, 0, nullptr, nullptr)), usage);
  EXPECT_EQ(kind_of(speedster_take_output(nullptr, 0, nullptr)), usage);
  EXPECT_EQ(kind_of(speedster_context_create(nullptr, nullptr)), usage);
  EXPECT_EQ(kind_of(speedster_cancel(nullptr)), usage);
  EXPECT_EQ(kind_of(speedster_profile(nullptr, nullptr, nullptr)), usage);
  EXPECT_EQ(kind_of(speedster_learner_info(nullptr, nullptr, nullptr)), usage);
  EXPECT_EQ(kind_of(speedster_verify(nullptr, nullptr, nullptr, nullptr)), usage);
  EXPECT_EQ(speedster_input_count(nullptr), 0U);
  EXPECT_EQ(speedster_input(nullptr, 0), nullptr);
  EXPECT_STREQ(speedster_error_message(nullptr), "");
  speedster_error_free(nullptr);
  speedster_learner_free(nullptr);
  speedster_context_free(nullptr);
  EXPECT_STREQ(speedster_version(), SPEEDSTER_VERSION_STRING);
}

TEST_F(CApi, SpecsOfTheSignature) {
  speedster_learner* learner = nullptr;
  ASSERT_EQ(speedster_learner_load(mlp().c_str(), nullptr, &learner), nullptr);
  ASSERT_EQ(speedster_input_count(learner), 1U);
  const speedster_tensor_spec* x = speedster_input(learner, 0);
  ASSERT_NE(x, nullptr);
  EXPECT_STREQ(x->name, "x");
  EXPECT_EQ(x->rank, 2);
  EXPECT_EQ(x->shape[0], -1);
  EXPECT_EQ(x->shape[1], 16);
  EXPECT_STREQ(x->axes[0], "batch");
  EXPECT_EQ(x->axes[1], nullptr);
  EXPECT_EQ(speedster_input(learner, 1), nullptr);
  EXPECT_EQ(speedster_output(learner, 7), nullptr);
  speedster_learner_free(learner);
}

TEST_F(CApi, ContextsOutliveTheLearnersHandle) {
  speedster_learner* learner = nullptr;
  speedster_context* context = nullptr;
  ASSERT_EQ(speedster_learner_load(mlp().c_str(), nullptr, &learner), nullptr);
  ASSERT_EQ(speedster_context_create(learner, &context), nullptr);
  speedster_learner_free(learner);
  std::vector<float> x(16, 1);
  std::int64_t shape[] = {1, 16};
  const DLTensor tensor{x.data(), {kDLCPU, 0}, 2, {kDLFloat, 32, 1}, shape, nullptr, 0};
  ASSERT_EQ(speedster_bind_input(context, 0, &tensor), nullptr);
  EXPECT_EQ(speedster_run(context), nullptr);
  DLManagedTensorVersioned* taken = nullptr;
  ASSERT_EQ(speedster_take_output(context, 0, &taken), nullptr);
  speedster_context_free(context);
  EXPECT_EQ(taken->dl_tensor.shape[1], 4);
  taken->deleter(taken);
}

TEST_F(CApi, MessagesAndCodesCross) {
  speedster_learner* learner = nullptr;
  speedster_error* error = speedster_learner_load((root() / "missing").c_str(), nullptr, &learner);
  ASSERT_NE(error, nullptr);
  EXPECT_EQ(speedster_error_kind(error), static_cast<int>(ErrorKind::kNotFound));
  EXPECT_THAT(speedster_error_message(error), HasSubstr("[package] expected a package"));
  EXPECT_EQ(speedster_error_vendor_code(error), 0);
  EXPECT_EQ(learner, nullptr);
  speedster_error_free(error);
}

TEST_F(CApi, WithoutMemoryTheErrorNeedsNone) {
  const std::string package = mlp().string();
  speedster_learner* learner = nullptr;
  for (int i = 0; i < 2; ++i) {
    exhausted = true;
    speedster_error* const error = speedster_learner_load(package.c_str(), nullptr, &learner);
    const int kind = speedster_error_kind(error);
    const char* const message = speedster_error_message(error);
    speedster_error_free(error);
    exhausted = false;
    ASSERT_NE(error, nullptr);
    EXPECT_EQ(kind, static_cast<int>(ErrorKind::kOutOfMemory));
    EXPECT_STREQ(message, "[learner] expected memory, got none");
    EXPECT_EQ(learner, nullptr);
  }
}

class Cpp : public CApi {
 protected:
  static std::vector<float> ramp(std::size_t count) {
    std::vector<float> values(count);
    for (std::size_t i = 0; i < count; ++i) values[i] = static_cast<float>(i) / static_cast<float>(count);
    return values;
  }
};

TEST_F(Cpp, RunsByPositionAndByName) {
  auto learner = Learner::load(mlp().string());
  ASSERT_TRUE(learner.ok()) << learner.error().full_message();
  EXPECT_EQ(learner->inputs().at(0).axes.at(0), "batch");
  std::vector<Tensor> by_position;
  by_position.push_back(test::floats({2, 16}, ramp(32)));
  const auto first = learner->run(by_position);
  ASSERT_TRUE(first.ok()) << first.error().full_message();
  std::vector<NamedTensor> by_name;
  by_name.push_back({"x", test::floats({2, 16}, ramp(32))});
  const auto second = learner->run(by_name);
  ASSERT_TRUE(second.ok());
  ASSERT_EQ(first->at(0).name, "y");
  EXPECT_EQ(first->at(0).tensor.shape(), (Shape{2, 4}));
  EXPECT_EQ(std::memcmp(first->at(0).tensor.data(), second->at(0).tensor.data(), 32), 0);
}

TEST_F(Cpp, WrongInputsAreNamed) {
  auto learner = Learner::load(mlp().string());
  ASSERT_TRUE(learner.ok());
  EXPECT_EQ(learner->run(std::vector<Tensor>{}).error().kind(), ErrorKind::kBadInput);
  std::vector<NamedTensor> wrong;
  wrong.push_back({"z", test::floats({1, 16}, ramp(16))});
  EXPECT_THAT(learner->run(wrong).error().message(), HasSubstr("\"x\" once, got \"z\""));
  EXPECT_FALSE(learner->run(std::vector<NamedTensor>{}).ok()) << "a required input is absent";
  std::vector<Tensor> good;
  good.push_back(test::floats({1, 16}, ramp(16)));
  EXPECT_TRUE(learner->run(good).ok()) << "after a failure";
}

TEST_F(Cpp, ManyThreadsOnOneLearner) {
  LoadOptions options;
  options.contexts = 4;
  auto learner = Learner::load(mlp().string(), options);
  ASSERT_TRUE(learner.ok());
  std::vector<Tensor> inputs;
  inputs.push_back(test::floats({1, 16}, ramp(16)));
  const auto expected = learner->run(inputs);
  ASSERT_TRUE(expected.ok());
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 50; ++i) {
        const auto got = learner->run(inputs);
        if (!got.ok() || std::memcmp(got->at(0).tensor.data(), expected->at(0).tensor.data(), 16) != 0) ++wrong;
      }
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

TEST_F(Cpp, TheSteadyStateAllocatesNothing) {
  auto learner = Learner::load(mlp().string());
  ASSERT_TRUE(learner.ok());
  auto context = learner->context();
  ASSERT_TRUE(context.ok());
  Tensor x = test::floats({2, 16}, ramp(32)), y(DType::kFloat32, {2, 4});
  ASSERT_TRUE(context->bind_input(0, x.view()).ok());
  ASSERT_TRUE(context->bind_output(0, y.view()).ok());
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(context->run().ok());
  allocations = 0;
  counting = true;
  bool ran = true;
  for (int i = 0; i < 100; ++i) ran = context->run().ok() && ran;
  bool in_bound_memory = false;
  const auto view = context->output(0, &in_bound_memory);
  counting = false;
  EXPECT_TRUE(ran);
  EXPECT_EQ(allocations, 0U);
  counting = true;
  speedster_error* const info = speedster_learner_info(learner->get(), [](void*, const char*, std::size_t) {}, nullptr);
  counting = false;
  EXPECT_EQ(info, nullptr);
  EXPECT_GT(allocations, 10U) << "the counter sees what the library allocates";
  EXPECT_TRUE(in_bound_memory);
  EXPECT_EQ(view->data, y.data());
}

TEST_F(Cpp, CancelReachesARunningCallOnly) {
  const fs::path package = test::make_package(root() / "long", testing::models::long_chain(400));
  auto learner = Learner::load(package.string());
  ASSERT_TRUE(learner.ok()) << learner.error().full_message();
  auto context = learner->context();
  ASSERT_TRUE(context.ok());
  Tensor x(DType::kFloat32, {96, 96});
  std::fill(x.as<float>().begin(), x.as<float>().end(), 0.01F);
  ASSERT_TRUE(context->bind_input(0, x.view()).ok());
  ASSERT_TRUE(context->cancel().ok()) << "of nothing";
  std::atomic<bool> done{false};
  Result<void> outcome;
  std::thread runner([&] {
    outcome = context->run();
    done = true;
  });
  while (!done) {
    EXPECT_TRUE(context->cancel().ok());
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  runner.join();
  ASSERT_FALSE(outcome.ok());
  EXPECT_EQ(outcome.error().kind(), ErrorKind::kCancelled);
  const std::int64_t small[] = {4, 4};
  ASSERT_TRUE(context->reshape_input(0, small).ok());
  EXPECT_TRUE(context->run().ok());
}

TEST_F(Cpp, AContextKeepsTheLogOfItsLearner) {
  const fs::path package = test::make_package(root() / "log", testing::models::mlp());
  const auto told = std::make_shared<int>(0);
  LoadOptions options;
  options.log = [told](int, std::string_view) { ++*told; };
  std::optional<Context> context;
  {
    auto learner = Learner::load(package.string(), options);
    ASSERT_TRUE(learner.ok()) << learner.error().full_message();
    Tensor x(DType::kFloat32, {1, 16});
    std::fill(x.as<float>().begin(), x.as<float>().end(), 0.5F);
    std::vector<Tensor> inputs;
    inputs.push_back(std::move(x));
    ASSERT_TRUE(learner->run(inputs).ok()) << "whose context the learner keeps";
    context.emplace(std::move(learner->context()).value());
  }
  options = {};
  EXPECT_EQ(told.use_count(), 2) << "a context may still be told to log";
  context.reset();
  EXPECT_EQ(told.use_count(), 1);
}

TEST_F(Cpp, InfoProfileLogAndVerify) {
  std::vector<std::string> lines;
  test::VariantPlan first, second;
  first.name = "first";
  first.needs.isa = {"an_isa_of_the_future"};
  second.name = "second";
  const std::string package = mlp({first, second}).string();
  LoadOptions options;
  options.log = [&](int, std::string_view text) { lines.emplace_back(text); };
  auto learner = Learner::load(package, options);
  ASSERT_TRUE(learner.ok());
  EXPECT_THAT(lines, ::testing::Contains(HasSubstr("passed over \"first\"")));
  EXPECT_THAT(learner->info().value(), HasSubstr("\"variant\": \"second\""));
  std::string report;
  EXPECT_TRUE(verify(package, {}, &report).ok());
  EXPECT_THAT(report, HasSubstr("\"ok\": true"));
}

}  // namespace
}  // namespace speedster
