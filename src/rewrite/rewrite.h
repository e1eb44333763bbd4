/// Lossless rewriting of the graph before anything else is done with it: named passes in a fixed order, each timed,
/// compared with the graph as it came, taken back where it changed an output, and each disable-able
/// (docs/design/rewriting.md).
#pragma once
#include <speedster/error.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "onnx/model.h"
#include "rewrite/comparison.h"

namespace speedster::rewrite {

/// Runs a graph without inputs and returns its outputs, in their order.
using Evaluate = std::function<Result<std::vector<Tensor>>(const onnx_model::OnnxModel&)>;

struct Pass {
  std::string_view name;
  std::string_view what;  ///< one line for people
  /// Rewrites the main graph and returns how many places it changed; subgraphs stay as they are. What is left keeps its
  /// names, and weights that others share are copied, not changed. On an error or 0 the model is of no further use.
  Result<std::size_t> (*apply)(onnx_model::OnnxModel& model, const Evaluate& evaluate);
};
/// All passes, in the order in which they run.
std::span<const Pass> passes();
/// Kind usage, listing the names, for one that is neither a pass nor "all".
Result<void> check_names(std::span<const std::string> names);
/// Whether these disabled names leave no pass.
bool disables_all(std::span<const std::string> names);

/// How far a rewritten graph may be from the one that came, as the relative L2 of each output over all samples.
inline constexpr double kLossless = 1e-6;
bool is_lossless(const Distance& distance);

/// Compares a rewritten model with the one that came.
using Verify = std::function<Result<Distance>(const onnx_model::OnnxModel&)>;

struct Options {
  std::vector<std::string> disabled;  ///< names of passes, or "all"
  Verify verify;                      ///< called once at the end, else after each; null: nothing is compared
  Evaluate evaluate;                  ///< null: constants are not folded
};

/// What became of one pass.
struct PassRow {
  std::string name;
  std::size_t changes = 0;
  double seconds = 0;         ///< of the pass alone
  double verify_seconds = 0;  ///< of comparing what it made, and those before it that were not compared alone
  /// To the graph as it came, of the worst output: of all passes that were compared together; absent where nothing ran.
  std::optional<double> relative_l2;
  std::string judge;   ///< the backend that both ran on
  std::string undone;  ///< why it was taken back; empty where it was not
  bool disabled = false;
};

struct Rewriting {
  std::vector<PassRow> passes;                      ///< all of them, in order
  std::size_t nodes_before = 0, nodes_after = 0;    ///< of the main graph, without Constant
  std::uint64_t bytes_before = 0, bytes_after = 0;  ///< of all weights
  std::size_t changes() const;                      ///< of the passes that stayed
};

/// Runs the passes on the model and compares it once. Where that fails they run one by one: a pass that fails,
/// that moves an output by more than kLossless or makes one infinite or NaN is taken back and the others go on. Errors:
/// usage (an unknown name), and what verify() ends with where it is no fault of the graph: no space, cancelled.
Result<Rewriting> rewrite(onnx_model::OnnxModel& model, const Options& options);

/// {"passes": [{"name", "changes", "seconds", "verify_seconds", "relative_l2", "judge", "undone", "disabled"}],
/// "nodes_before", "nodes_after", "bytes_before", "bytes_after", "changes"}
Json to_json(const Rewriting& rewriting);

}  // namespace speedster::rewrite
