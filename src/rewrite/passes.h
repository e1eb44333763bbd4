/// The passes; rewrite.h has what they promise, passes.cpp their order.
#pragma once
#include "rewrite/rewrite.h"

namespace speedster::rewrite {

Result<std::size_t> fold_affine_after(onnx_model::OnnxModel& model, const Evaluate& evaluate);
Result<std::size_t> fold_affine_before(onnx_model::OnnxModel& model, const Evaluate& evaluate);
Result<std::size_t> fold_constants(onnx_model::OnnxModel& model, const Evaluate& evaluate);
Result<std::size_t> fuse_gelu(onnx_model::OnnxModel& model, const Evaluate& evaluate);
Result<std::size_t> fuse_hard_activations(onnx_model::OnnxModel& model, const Evaluate& evaluate);

Result<std::size_t> merge_duplicates(onnx_model::OnnxModel& model, const Evaluate& evaluate);
Result<std::size_t> remove_dead_ends(onnx_model::OnnxModel& model, const Evaluate& evaluate);
Result<std::size_t> remove_no_ops(onnx_model::OnnxModel& model, const Evaluate& evaluate);

}  // namespace speedster::rewrite
