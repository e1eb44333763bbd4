/// A node with constant weights that is linear in its input: Conv, ConvTranspose, MatMul, Gemm. What is folded into it
/// is gathered in double precision and rounded once.
#pragma once
#include <speedster/error.h>

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "onnx/graph.h"
#include "rewrite/affine.h"
#include "rewrite/pattern.h"

namespace speedster::rewrite {

class LinearLayer {
 public:
  /// Nothing where the node is none, or its weights (or bias) are no float32 constants. `types` knows ranks.
  static std::optional<LinearLayer> of(onnx_model::Graph& graph, ::onnx::NodeProto& node, const Types& types);

  Channels inputs() const { return inputs_; }
  Channels outputs() const { return outputs_; }
  /// Has a bias input of its own: all but MatMul.
  bool takes_bias() const { return op_ != Op::kMatMul; }
  /// Zeros stand around its input, or not every output sees every weight: a shift of the input does not pass.
  bool stops_shifts() const { return stops_shifts_; }
  /// Every output sees one input channel alone.
  bool depthwise() const { return static_cast<std::size_t>(inputs_.count) == groups_; }
  /// Of each input channel its largest weight, as a part of the largest weight of the same output (0 to 1).
  Result<std::vector<double>> input_shares() const;
  /// What inputs that are one number a channel give with weights of this layer's shape, without bias. `taps` says how
  /// much of each place of the kernel counts; empty: all of it.
  std::vector<double> respond(const Tensor& weights, std::span<const double> inputs,
                              std::span<const double> taps = {}) const;

  /// Folds in what comes behind, or before (in front of what was folded in before already).
  void fold_after(const Affine& affine) { after_ = after_.then(affine); }
  void fold_before(const Affine& affine) { before_ = affine.then(before_); }
  /// Of what comes behind: what is left for a node of its own where the layer takes no bias.
  const Affine& after() const { return after_; }

  /// Gives the node new constants with all that was folded in; others that share the old ones keep them.
  Result<void> store();

 private:
  enum class Op { kConv, kConvTranspose, kMatMul, kGemm };
  LinearLayer(onnx_model::Graph& graph, ::onnx::NodeProto& node) : graph_(&graph), node_(&node) {}
  bool describe(const Types& types);
  bool bias_fits() const;
  /// The channels that an element of the weights connects.
  std::size_t input_of(std::size_t element) const;
  std::size_t output_of(std::size_t element) const;

  onnx_model::Graph* graph_;
  ::onnx::NodeProto* node_;
  Op op_ = Op::kConv;
  Channels inputs_, outputs_;
  std::size_t groups_ = 1, each_ = 1;  // elements of one pair of channels
  bool transposed_ = false, stops_shifts_ = false;
  Affine before_, after_;
};

}  // namespace speedster::rewrite
