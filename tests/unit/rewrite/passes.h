/// What the tests of single passes share.
#pragma once
#include <gtest/gtest.h>

#include "rewrite/rewrite.h"
#include "support/graphs.h"

namespace speedster::rewrite {

/// Runs constant graphs on the reference backend.
inline Result<std::vector<Tensor>> on_reference(const onnx_model::OnnxModel& model) {
  const TempDir folder = testing::value_or_throw(TempDir::create("rewrite"));
  const fs::path path = folder.path() / "constants.onnx";
  SPEEDSTER_TRY(model.save(path));
  return testing::ReferenceRunner(path).run({});
}

/// Runs one pass on the model and returns its count of changes.
inline std::size_t apply(onnx_model::OnnxModel& model, std::string_view name) {
  for (const Pass& pass : passes())
    if (pass.name == name) return testing::value_or_throw(pass.apply(model, on_reference));
  throw std::runtime_error("no such pass");
}

/// Both give the same outputs for these inputs, to the rounding of float32.
inline void expect_same(const onnx_model::OnnxModel& original, const onnx_model::OnnxModel& changed,
                        const Tensor& input) {
  const Difference d = testing::compare(original, changed, input);
  EXPECT_TRUE(d.same_shape);
  EXPECT_FALSE(d.new_non_finite);
  EXPECT_LE(d.relative_l2, kLossless);
}

}  // namespace speedster::rewrite
