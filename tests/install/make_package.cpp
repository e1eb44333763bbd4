// make_package TARGET MODEL VARIANT…: a package for the tests that are scripts. MODEL is mlp, cnn or external;
// VARIANT is NAME=BACKEND[:VENDOR_MIN]. The samples hold what the reference backend computes.
#include <cstdio>

#include "base/text.h"
#include "learner/example_inputs.h"
#include "support/packages.h"

namespace {

using namespace speedster;

speedster::testing::OnnxWriter model_named(const std::string& name) {
  if (name == "mlp") return speedster::testing::models::mlp();
  if (name == "cnn") return speedster::testing::models::small_cnn();
  if (name == "external") return speedster::testing::models::external_data();
  throw std::runtime_error("expected mlp, cnn or external, got " + name);
}

test::VariantPlan variant_of(const std::string& text) {
  const std::size_t equals = text.find('=');
  const std::vector<std::string> parts = split(text.substr(equals + 1), ':');
  if (equals == std::string::npos || parts.empty())
    throw std::runtime_error("expected NAME=BACKEND[:VENDOR_MIN], got " + text);
  test::VariantPlan plan;
  plan.name = text.substr(0, equals);
  plan.backend = parts[0];
  if (parts.size() > 1) plan.needs.vendor_min = parts[1];
  return plan;
}

/// Two samples of uniform numbers with the outputs of the reference backend.
std::vector<package::SampleToPack> samples_of(const fs::path& package) {
  const auto learner = learner::Learner::load(package, {});
  if (!learner.ok()) throw std::runtime_error(learner.error().full_message());
  std::vector<package::SampleToPack> samples(2);
  for (std::size_t i = 0; i < samples.size(); ++i) {
    auto context = learner::Context::create(*learner);
    if (!context.ok()) throw std::runtime_error(context.error().full_message());
    for (std::uint32_t k = 0; k < (*learner)->signature().inputs.size(); ++k) {
      const TensorSpec& spec = (*learner)->signature().inputs[k];
      Shape shape;
      // Spatial axes need an extent that survives pooling.
      for (const Axis& axis : spec.axes) shape.push_back(axis.dynamic() ? (axis.name == "batch" ? 1 : 24) : axis.value);
      Tensor tensor(spec.dtype, shape);
      const std::vector<float> values =
          speedster::testing::uniform(static_cast<std::size_t>(tensor.count()), 100 * i + k);
      std::copy(values.begin(), values.end(), tensor.as<float>().begin());
      samples[i].inputs.push_back({spec.name, std::move(tensor)});
      const DLTensor dl = learner::to_dl(samples[i].inputs.back().tensor.view());
      if (auto bound = context->bind_input(k, &dl); !bound.ok()) throw std::runtime_error(bound.error().full_message());
    }
    if (auto ran = backend::take_error(context->execute(), "make_package"); !ran.ok())
      throw std::runtime_error(ran.error().full_message());
    for (std::uint32_t k = 0; k < (*learner)->signature().outputs.size(); ++k) {
      DLTensor view{};
      if (!context->output(k, &view, nullptr).ok()) throw std::runtime_error("no output");
      Tensor copy(DType::kFloat32, Shape(view.shape, view.shape + view.ndim));
      std::memcpy(copy.data(), view.data, copy.bytes());
      samples[i].outputs.push_back({(*learner)->signature().outputs[k].name, std::move(copy)});
    }
  }
  return samples;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    if (argc < 4) throw std::runtime_error("usage: make_package TARGET MODEL NAME=BACKEND[:VENDOR_MIN]…");
    std::vector<test::VariantPlan> variants;
    for (int i = 3; i < argc; ++i) variants.push_back(variant_of(argv[i]));
    const TempDir scratch = std::move(*TempDir::create("make-package"));
    const fs::path oracle = test::make_package(scratch.path() / "oracle", model_named(argv[2]));
    test::make_package(argv[1], model_named(argv[2]), variants, samples_of(oracle));
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
