#include "package/samples.h"

#include <gmock/gmock.h>

#include "unit/package/fixture.h"

namespace speedster::package {
namespace {

using testing::HasSubstr;

class Samples : public PackageTest {
 protected:
  static Signature signature() {
    const Axis batch{-1, "batch", {}, {}, {}};
    return {{{"a.b", DType::kFloat32, {batch}, false}, {"ids", DType::kInt64, {batch}, false}},
            {{"y", DType::kFloat32, {batch}, false}}};
  }
  static Tensor floats(std::vector<float> values) {
    return Tensor::from<float>(DType::kFloat32, {static_cast<std::int64_t>(values.size())}, values);
  }
  static SampleToPack sample(float value) {
    SampleToPack sample;
    sample.inputs.push_back({"a.b", floats({value, value})});
    const std::vector<std::int64_t> ids = {1, 2, 3};
    sample.inputs.push_back({"ids", Tensor::from<std::int64_t>(DType::kInt64, {3}, ids)});
    sample.outputs.push_back({"y", floats({value * 2})});
    return sample;
  }
  Result<PackagedSamples> round_trip(std::vector<SampleToPack> samples) const {
    EXPECT_TRUE(write_samples(root() / "s.safetensors", samples).ok());
    return read_samples(root() / "s.safetensors", signature());
  }
};

TEST_F(Samples, ReadsWhatItWrites) {
  std::vector<SampleToPack> samples;
  for (int i = 0; i < 12; ++i) samples.push_back(sample(static_cast<float>(i)));
  const auto read = round_trip(std::move(samples));
  ASSERT_TRUE(read.ok()) << read.error().full_message();
  ASSERT_EQ(read->samples.size(), 12U);
  for (std::size_t i = 0; i < 12; ++i) {
    EXPECT_EQ(read->samples[i].inputs.at("a.b").as<float>()[1], static_cast<float>(i));
    EXPECT_EQ(read->samples[i].inputs.at("ids").as<std::int64_t>()[2], 3);
    EXPECT_EQ(read->samples[i].outputs.at("y").as<float>()[0], static_cast<float>(2 * i));
  }
}

TEST_F(Samples, OptionalInputsMayBeMissingOutputsNot) {
  std::vector<SampleToPack> samples;
  samples.push_back(sample(1));
  samples.back().inputs.pop_back();
  EXPECT_TRUE(round_trip(std::move(samples)).ok());
  samples.clear();
  samples.push_back(sample(1));
  samples.back().outputs.clear();
  EXPECT_THAT(round_trip(std::move(samples)).error().message(), HasSubstr("all 1 outputs"));
}

TEST_F(Samples, WhatTheSignatureDoesNotHaveIsRefused) {
  std::vector<SampleToPack> samples;
  samples.push_back(sample(1));
  samples.back().inputs.push_back({"other", floats({1})});
  EXPECT_EQ(round_trip(std::move(samples)).error().kind(), ErrorKind::kCorrupt);
  samples.clear();
  samples.push_back(sample(1));
  samples.back().inputs[1].tensor = floats({1});
  EXPECT_THAT(round_trip(std::move(samples)).error().message(), HasSubstr("float32"));
}

TEST_F(Samples, NamesOutOfBoundsAreRefused) {
  for (const char* name : {"input.a.b.99999999", "input.a.b", "output.0", "state.a.b.0", "input..x", "input.a.b.-1"}) {
    ASSERT_TRUE(write_safetensors(root() / "s.safetensors",
                                  [&] {
                                    std::vector<NamedTensor> tensors;
                                    tensors.push_back({name, floats({1})});
                                    return tensors;
                                  }())
                    .ok());
    EXPECT_EQ(read_samples(root() / "s.safetensors", signature()).error().kind(), ErrorKind::kCorrupt) << name;
  }
}

}  // namespace
}  // namespace speedster::package
