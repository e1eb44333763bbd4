#include "compressor/calibrate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/compressor/graphs.h"

namespace speedster::compressor {
namespace {

using namespace speedster::testing;
using onnx_model::OnnxModel;
using ::testing::ElementsAre;

/// A chain of `count` Abs nodes t0 … : all have the same range.
OnnxModel chain(int count) {
  OnnxWriter m;
  m.input("x", OnnxType::kFloat, {"n", 256}).output("t" + std::to_string(count - 1), OnnxType::kFloat, {"n", 256});
  for (int i = 0; i < count; ++i)
    m.node("Abs", {i == 0 ? "x" : "t" + std::to_string(i - 1)}, {"t" + std::to_string(i)});
  return parsed(m);
}

std::vector<std::string> names(int count) {
  std::vector<std::string> tensors;
  for (int i = 0; i < count; ++i) tensors.push_back("t" + std::to_string(i));
  return tensors;
}

TEST(Calibrate, GroupsOfTensorsGiveTheSameRangesAsAllAtOnce) {
  const OnnxModel model = chain(40);
  // 4 rows of 256 floats are 4 KiB a tensor.
  const Ranges all = calibrated(model, names(40), {4, 256}), few = calibrated(model, names(40), {4, 256}, 4, 12 << 10);
  ASSERT_EQ(all.size(), 40U);
  for (const auto& [tensor, range] : all) {
    EXPECT_EQ(few.at(tensor).low, range.low);
    EXPECT_EQ(few.at(tensor).high, range.high);
    EXPECT_GE(range.low, 0);
    EXPECT_GT(range.high, 0.9);
  }
}

TEST(Calibrate, EachSampleRunsOncePerGroupAndOneMoreTellsTheSize) {
  const OnnxModel model = chain(60);
  std::vector<std::size_t> samples;
  CalibrateOptions options;
  options.samples = {3, 4, 5};
  options.largest_sample = 4;
  const LoadModel load = [&](const std::filesystem::path& path) -> Result<RunSample> {
    auto runner = std::make_shared<ReferenceRunner>(path);
    return RunSample([&samples, runner](std::size_t sample, const TakeOutputs& take) -> Result<void> {
      samples.push_back(sample);
      std::vector<Tensor> inputs;
      inputs.push_back(random_tensor({1, 256}, sample));
      const std::vector<Tensor> outputs = runner->run(inputs);
      std::vector<TensorView> views;
      for (const Tensor& output : outputs) views.push_back(output.view());
      take(views);
      return {};
    });
  };
  ASSERT_TRUE(calibrate(model, names(60), options, load).ok());
  EXPECT_THAT(samples, ElementsAre(4, 3, 4, 5));
}

TEST(Calibrate, NoGroupAfterTheFirstExceedsTheBound) {
  const OnnxModel model = chain(60);
  std::vector<std::size_t> groups;
  CalibrateOptions options;
  options.samples = {0};
  options.memory_bytes = 10 << 10;
  const LoadModel load = [&](const std::filesystem::path& path) -> Result<RunSample> {
    auto runner = std::make_shared<ReferenceRunner>(path);
    return RunSample([&groups, runner](std::size_t, const TakeOutputs& take) -> Result<void> {
      std::vector<Tensor> inputs;
      inputs.push_back(random_tensor({1, 256}, 1));
      const std::vector<Tensor> outputs = runner->run(inputs);
      groups.push_back(outputs.size());
      std::vector<TensorView> views;
      for (const Tensor& output : outputs) views.push_back(output.view());
      take(views);
      return {};
    });
  };
  ASSERT_TRUE(calibrate(model, names(60), options, load).ok());
  ASSERT_GT(groups.size(), 2U);
  for (std::size_t i = 1; i < groups.size(); ++i) EXPECT_LE(groups[i] * 1024, options.memory_bytes);
}

TEST(Calibrate, WhatGoesWrongIsSaid) {
  const OnnxModel model = chain(2);
  CalibrateOptions options;
  const LoadModel broken = [](const std::filesystem::path&) -> Result<RunSample> {
    return Error(ErrorKind::kVendor, "[vendor] no");
  };
  EXPECT_EQ(calibrate(model, names(2), options, broken).error().kind(), ErrorKind::kUsage);
  options.samples = {0};
  EXPECT_EQ(calibrate(model, names(2), options, broken).error().message(), "[vendor] no");
  const LoadModel nan = [](const std::filesystem::path&) -> Result<RunSample> {
    return RunSample([](std::size_t, const TakeOutputs& take) -> Result<void> {
      Tensor tensor(DType::kFloat32, {1});
      tensor.as<float>()[0] = NAN;
      take(std::vector<TensorView>(2, tensor.view()));
      return {};
    });
  };
  const auto never_finite = calibrate(model, names(2), options, nan);
  EXPECT_EQ(never_finite.error().kind(), ErrorKind::kBadInput);
  EXPECT_THAT(never_finite.error().message(), ::testing::HasSubstr("'t0'"));
  const CancelToken cancel;
  cancel.cancel();
  EXPECT_EQ(calibrate(model, names(2), options, nan, cancel).error().kind(), ErrorKind::kCancelled);
}

}  // namespace
}  // namespace speedster::compressor
