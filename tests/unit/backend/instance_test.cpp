#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "backend/plugin.h"
#include "base/files.h"

namespace speedster::backend {
namespace {

std::shared_ptr<const Plugin> fake() {
  auto plugin = find_plugin("fake", (fs::path(SPEEDSTER_BUILD_DIR) / "tests/fakes/plugins").string());
  EXPECT_TRUE(plugin.ok());
  return std::make_shared<const Plugin>(std::move(*plugin));
}

TEST(Instance, OpensAndLogs) {
  std::vector<std::string> lines;
  auto instance = Instance::open(fake(), {}, Log([&](LogLevel, std::string_view text) { lines.emplace_back(text); }));
  ASSERT_TRUE(instance.ok());
  EXPECT_EQ(lines, std::vector<std::string>{"opened"});
  EXPECT_EQ(instance->probe().value()["usable"], true);
}

TEST(Instance, LogSinksMayThrow) {
  EXPECT_TRUE(Instance::open(fake(), {}, Log([](LogLevel, std::string_view) { throw 1; })).ok());
}

TEST(Instance, WhatTheTableLacksIsUnsupported) {
  auto instance = Instance::open(fake(), {}, {});
  ASSERT_TRUE(instance.ok());
  EXPECT_EQ(instance->compile("m", "onnx", {}, "/tmp").error().kind(), ErrorKind::kUnsupported);
  auto model = instance->load("m", {});
  ASSERT_TRUE(model.ok());
  auto context = model->open_context();
  ASSERT_TRUE(context.ok());
  EXPECT_EQ(context->cancel().error().kind(), ErrorKind::kUnsupported);
  EXPECT_EQ(context->profile().error().kind(), ErrorKind::kUnsupported);
  EXPECT_EQ(context->take_output(0).error().kind(), ErrorKind::kUnsupported);
  EXPECT_TRUE(context->reset_state().ok());
}

TEST(Instance, ErrorsBecomeValues) {
  auto instance = Instance::open(fake(), {}, {});
  ASSERT_TRUE(instance.ok());
  const auto memory = instance->load("memory", {});
  EXPECT_EQ(memory.error().kind(), ErrorKind::kOutOfMemory);
  EXPECT_EQ(memory.error().vendor_code(), 42);
  EXPECT_EQ(instance->load("bare", {}).error().message(), "[backend/fake] expected a model, got a bare one");
}

TEST(Model, SignatureAndEntries) {
  auto instance = Instance::open(fake(), {}, {});
  ASSERT_TRUE(instance.ok());
  auto model = instance->load("m", {});
  ASSERT_TRUE(model.ok());
  instance = Error(ErrorKind::kInternal, "gone");  // the model keeps its instance alive
  EXPECT_EQ(model->entries(), std::vector<std::string>{"main"});
  EXPECT_EQ(model->entry("main").value(), 0U);
  EXPECT_EQ(model->entry("other").error().kind(), ErrorKind::kNotFound);
  const Signature signature = model->signature().value();
  EXPECT_EQ(describe(signature.inputs.at(0)), "x float32 [batch, 3]");
  EXPECT_EQ(signature.inputs[0].axes[0].max, 8);
  EXPECT_FALSE(signature.inputs[0].axes[0].min.has_value());
  EXPECT_TRUE(signature.outputs.at(0).unknown_rank);
  EXPECT_EQ(model->stats().error().kind(), ErrorKind::kCorrupt) << "stats that are no JSON";
}

TEST(Context, GoesStraightToTheTable) {
  auto instance = Instance::open(fake(), {}, {});
  auto context = instance->load("m", {})->open_context();
  ASSERT_TRUE(context.ok());
  EXPECT_TRUE(context->execute().ok());
  DLTensor view{};
  EXPECT_EQ(context->output(0, &view).error().kind(), ErrorKind::kNotFound);
}

}  // namespace
}  // namespace speedster::backend
