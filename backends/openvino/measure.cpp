#include "openvino/measure.h"

#include <algorithm>
#include <cctype>
#include <string_view>

#include "openvino/context.h"
#include "support/zeros.h"

namespace speedster::openvino {

namespace {

constexpr std::string_view kHeavy[] = {
    "Convolution", "Deconvolution", "FullyConnected",           "GRU", "LSTM", "MHA", "MatMul",
    "QKV",         "RNN",           "ScaledDotProductAttention"};

bool is_heavy(std::string_view type) {
  // FullyConnectedQuantizedLegacy, GroupConvolutionBackpropData, LSTMSequence, …
  return std::ranges::any_of(kHeavy, [&](std::string_view word) { return type.find(word) != std::string_view::npos; });
}

std::string kind_of(const MeasuredNode& node) {
  std::string suffix = node.kernel.substr(node.kernel.rfind('_') + 1);
  std::ranges::transform(suffix, suffix.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (suffix == "f32" || suffix == "bf16" || suffix == "f16" || suffix == "f64") return suffix;
  if (suffix == "i8" || suffix == "u8") return "int8";
  return "other";
}

}  // namespace

std::vector<MeasuredNode> read_profile(const Api& api, const ov_infer_request_t* request) {
  ov_profiling_info_list_t list = {};
  api.check(api.ov_infer_request_get_profiling_info(request, &list), "a profile");
  std::vector<MeasuredNode> nodes;
  for (std::size_t i = 0; i < list.size; ++i) {
    const ov_profiling_info_t& info = list.profiling_infos[i];
    if (info.status == ov_profiling_info_t::EXECUTED)
      nodes.push_back({info.node_name, info.node_type, info.exec_type, info.real_time});
  }
  api.ov_profiling_info_list_free(&list);
  return nodes;
}

std::vector<MeasuredNode> measure_on_zeros(Session& session) {
  const std::shared_ptr<Session> measured = session.measured();
  const sp_signature& signature = *measured->signature();
  std::vector<std::vector<plugin::Shape>> attempts;
  if (const auto last = session.last_shapes(); !last.empty()) attempts.push_back(last);
  for (const std::int64_t extent : plugin::kExtentsToTry) attempts.push_back(plugin::free_axes_at(signature, extent));
  for (const std::vector<plugin::Shape>& shapes : attempts) {
    Context context(measured);
    if (plugin::execute_on_zeros(context, signature, shapes)) return context.measured_nodes();
  }
  return {};
}

plugin::PrecisionTally tally(const std::vector<MeasuredNode>& nodes) {
  plugin::PrecisionTally result;
  for (const MeasuredNode& node : nodes) {
    if (node.type == "FakeQuantize" || node.type == "Quantize") result.rounded_to("int8");
    const std::string kind = kind_of(node);
    const bool heavy = is_heavy(node.type);
    // 8-bit tensors that are only moved or looked at lose nothing.
    result.node(kind == "int8" && !heavy ? "other" : kind, heavy);
  }
  return result;
}

}  // namespace speedster::openvino
