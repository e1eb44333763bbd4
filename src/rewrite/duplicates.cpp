#include <onnx-ml.pb.h>

#include <algorithm>
#include <map>
#include <tuple>
#include <unordered_set>

#include "onnx/dtypes.h"
#include "rewrite/passes.h"
#include "rewrite/pattern.h"

namespace speedster::rewrite {
namespace {

using ::onnx::TensorProto;
using onnx_model::Graph;

// Below it a copy costs nothing, and a scalar of one's own is what vendors look for.
constexpr std::uint64_t kSmallest = 1024;

using Kind = std::tuple<int, std::vector<std::int64_t>>;

}  // namespace

/// Initializers with the same type, shape and values become one. Values are read only where type and shape agree, and
/// as a stream.
Result<std::size_t> merge_duplicates(onnx_model::OnnxModel& model, const Evaluate&) {
  Graph graph(model);
  auto& proto = graph.proto();
  std::unordered_set<std::string> overridable;
  for (const auto& input : proto.input()) overridable.insert(input.name());
  std::map<Kind, std::vector<const TensorProto*>> alike;
  for (const TensorProto& tensor : proto.initializer()) {
    const std::vector<std::int64_t> dims(tensor.dims().begin(), tensor.dims().end());
    if (onnx_model::stored_bytes(tensor.data_type(), dims).value_or(0) < kSmallest) continue;
    if (!overridable.contains(tensor.name())) alike[{tensor.data_type(), dims}].push_back(&tensor);
  }
  std::size_t count = 0;
  for (const auto& [kind, tensors] : alike) {
    if (tensors.size() < 2) continue;
    std::map<std::string, std::string> first;  // by digest
    for (const TensorProto* tensor : tensors) {
      SPEEDSTER_ASSIGN(const std::string digest, model.digest(*tensor));
      const auto [kept, is_new] = first.emplace(digest, tensor->name());
      if (is_new || graph.is_output(tensor->name()) || is_captured(graph, tensor->name())) continue;
      graph.replace_uses(tensor->name(), kept->second);
      ++count;
    }
  }
  SPEEDSTER_TRY(graph.finish());
  return count;
}

}  // namespace speedster::rewrite
