/// Packages for tests: a model of models.h with variants on the reference backend, written as any package is.
#pragma once
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "backend/plugin.h"
#include "package/samples.h"
#include "package/writer.h"
#include "support/models.h"

namespace speedster::test {

/// One variant of a test package; the rest is as the reference backend has it.
struct VariantPlan {
  std::string name = "reference";
  std::map<std::string, std::string> options;
  package::Needs needs;
  std::string backend = "reference";
  package::PayloadKind kind = package::PayloadKind::kData;
  std::string precision = "f32";
  int threads = 1;
  Json measured = Json::object();
};

/// Writes `model` as a package of one entry, "main"; the signature is the backend's. All variants share the payload.
/// Throws what a test would assert.
inline fs::path make_package(const fs::path& target, const testing::OnnxWriter& model,
                             const std::vector<VariantPlan>& variants = {{}},
                             std::vector<package::SampleToPack> samples = {}) {
  auto must = [](auto result) {
    if (!result.ok()) throw std::runtime_error(result.error().full_message());
    return std::move(*result);
  };
  auto must_hold = [](const Result<void>& result) {
    if (!result.ok()) throw std::runtime_error(result.error().full_message());
  };
  const TempDir scratch = must(TempDir::create("make-package"));
  model.save(scratch.path() / "model.onnx");
  package::PackageWriter writer = must(package::PackageWriter::create(target));
  std::vector<std::string> files;
  for (const auto& file : fs::directory_iterator(scratch.path())) {
    files.push_back("payload/" + file.path().filename().string());
    must_hold(writer.add_file(file.path(), files.back()));
  }
  const auto plugin = std::make_shared<const backend::Plugin>(must(backend::find_plugin("reference")));
  package::EntryPoint entry;
  entry.signature =
      must(must(must(backend::Instance::open(plugin, {}, {})).load(scratch.path() / "model.onnx", {})).signature());
  // Axes are as the first sample has them, as a search would find.
  for (std::size_t k = 0; !samples.empty() && k < samples.front().inputs.size(); ++k)
    for (TensorSpec& input : entry.signature.inputs)
      for (std::size_t i = 0; input.name == samples.front().inputs[k].name && i < input.axes.size(); ++i) {
        const std::int64_t size = samples.front().inputs[k].tensor.shape()[i];
        if (input.axes[i].dynamic()) input.axes[i].min = input.axes[i].opt = input.axes[i].max = size;
      }
  for (const VariantPlan& plan : variants) {
    package::Variant variant;
    variant.name = plan.name;
    variant.backend = plan.backend;
    variant.format = "onnx";
    variant.payload = "payload/model.onnx";
    variant.files = files;
    variant.kind = plan.kind;
    variant.options = plan.options;
    variant.threads = plan.threads;
    variant.precision = plan.precision;
    variant.needs = plan.needs;
    variant.measured = plan.measured;
    entry.variants.push_back(std::move(variant));
  }
  if (!samples.empty()) {
    must_hold(package::write_samples(scratch.path() / "samples.safetensors", samples));
    entry.samples = "samples/main.safetensors";
    must_hold(writer.add_file(scratch.path() / "samples.safetensors", entry.samples));
  }
  package::Manifest manifest;
  manifest.speedster = "0.1.0";
  manifest.entries.emplace("main", std::move(entry));
  must(writer.commit(std::move(manifest)));
  return target;
}

inline Tensor floats(Shape shape, const std::vector<float>& values) {
  return Tensor::from<float>(DType::kFloat32, std::move(shape), values);
}

}  // namespace speedster::test
