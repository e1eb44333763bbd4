#include "learner/vendor_session.h"

#include "base/text.h"

namespace speedster::learner {
namespace {

using package::Variant;

/// The options of a variant with the plug-in's defaults.
class Options {
 public:
  explicit Options(const Variant& variant) : variant_(variant) {}
  std::string text(const std::string& key, std::string_view fallback) const {
    const auto it = variant_.options.find(key);
    return it == variant_.options.end() ? std::string(fallback) : it->second;
  }
  bool flag(const std::string& key, bool fallback) const {
    const std::string value = text(key, fallback ? "1" : "0");
    return value == "1" || value == "true";
  }
  int number(const std::string& key, int fallback) const { return parse_number<int>(text(key, "")).value_or(fallback); }
  int threads() const { return number("threads", variant_.threads); }

 private:
  const Variant& variant_;
};

/// The vendor's defaults stay where a package says nothing (0 threads = as many as ONNX Runtime likes).
Json onnxruntime(const Options& options) {
  const std::string level = options.text("optimization", "all");
  const int inter = options.number("inter_threads", 1);
  const std::string spinning = options.flag("spinning", true) ? "1" : "0";
  Json config = {{"session.intra_op.allow_spinning", spinning}, {"session.inter_op.allow_spinning", spinning}};
  if (!options.flag("complete_quantization", true))
    config["optimization.disable_specified_optimizers"] = "WeightBiasQuantization";
  return {{"vendor", "onnxruntime"},
          {"threads_key", "intra_op_num_threads"},
          {"options",
           {{"graph_optimization_level", level == "disable"    ? "ORT_DISABLE_ALL"
                                         : level == "basic"    ? "ORT_ENABLE_BASIC"
                                         : level == "extended" ? "ORT_ENABLE_EXTENDED"
                                                               : "ORT_ENABLE_ALL"},
            {"intra_op_num_threads", options.threads()},
            {"inter_op_num_threads", inter},
            {"execution_mode", inter > 1 ? "ORT_PARALLEL" : "ORT_SEQUENTIAL"},
            {"enable_cpu_mem_arena", options.flag("arena", true)},
            {"enable_mem_pattern", options.flag("mem_pattern", true)}}},
          {"config", std::move(config)}};
}

Json openvino(const Options& options, bool free_axes) {
  const std::string precision = options.text("precision", "fp32");
  const bool full = precision == "fp32";
  Json config = {{"INFERENCE_PRECISION_HINT", full                  ? "f32"
                                              : precision == "bf16" ? "bf16"
                                                                    : "f16"},
                 {"NUM_STREAMS", std::max(options.number("streams", 0), 1)},
                 {"PERFORMANCE_HINT", options.text("hint", "latency") == "latency" ? "LATENCY" : "THROUGHPUT"},
                 {"EXECUTION_MODE_HINT",
                  options.text("execution_mode", "performance") == "accuracy" ? "ACCURACY" : "PERFORMANCE"}};
  if (options.threads() > 0) config["INFERENCE_NUM_THREADS"] = options.threads();
  if (!options.flag("dynamic_quantization", false)) config["DYNAMIC_QUANTIZATION_GROUP_SIZE"] = "0";
  if (full) config["KV_CACHE_PRECISION"] = "f32";
  const std::string fusion = options.text("fusion", "auto");
  if (fusion == "off" || (fusion == "auto" && free_axes)) config["SNIPPETS_MODE"] = "DISABLE";
  if (const std::string pinning = options.text("pinning", "auto"); pinning != "auto")
    config["ENABLE_CPU_PINNING"] = pinning == "on";
  return {{"vendor", "openvino"}, {"threads_key", "INFERENCE_NUM_THREADS"}, {"config", std::move(config)}};
}

}  // namespace

Result<Json> vendor_session(const Variant& variant, bool free_axes) {
  if (variant.backend == "onnxruntime") return onnxruntime(Options(variant));
  if (variant.backend == "openvino") return openvino(Options(variant), free_axes);
  return Error(ErrorKind::kUnsupported, "[export] expected a variant of onnxruntime or openvino, got \"" +
                                            variant.name + "\" of " + variant.backend +
                                            ", which has no form of its own");
}

}  // namespace speedster::learner
