#include "openvino/options.h"

#include "openvino/api.h"
#include "support/describe.h"

namespace speedster::openvino {

using plugin::OptionType;

namespace {
const std::vector<std::string> kPrecisions = {"fp32", "bf16", "fp16"};
}  // namespace

const plugin::OptionTable& option_table() {
  static const plugin::OptionTable table(kWho, [] {
    std::vector<plugin::OptionSpec> specs = plugin::common_load_options(kPrecisions);
    specs.insert(
        specs.end(),
        {plugin::caller_only(
             {"library", OptionType::kString, plugin::kOpen, "", "absolute path of libopenvino_c.so.*"}),
         {"streams",
          OptionType::kInt,
          plugin::kLoad,
          "0",
          "executions that run side by side, sharing the threads; 0: as many as contexts, at most the threads",
          false,
          {},
          0,
          4096},
         {"hint",
          OptionType::kEnum,
          plugin::kLoad,
          "latency",
          "what the vendor tunes for",
          false,
          {"latency", "throughput"}},
         {"pinning",
          OptionType::kEnum,
          plugin::kLoad,
          "auto",
          "worker threads are tied to cores; auto: the vendor decides",
          false,
          {"auto", "on", "off"}},
         {"fusion",
          OptionType::kEnum,
          plugin::kLoad,
          "auto",
          "generated kernels for groups of nodes; auto: off where an input has a free axis, because the vendor may "
          "use one that was made for another extent",
          true,
          {"auto", "on", "off"}},
         {"execution_mode",
          OptionType::kEnum,
          plugin::kLoad,
          "performance",
          "accuracy: the vendor keeps every value at the model's own precision",
          true,
          {"performance", "accuracy"}},
         {"dynamic_quantization", OptionType::kBool, plugin::kLoad, "0",
          "activations of layers with compressed weights are quantized on the fly (the vendor's default)", true},
         {"inspect", OptionType::kBool, plugin::kLoad, "0",
          "take the time of each node in every execution, so that stats and profile need no second compilation"},
         plugin::caller_only({"cache_dir", OptionType::kString, plugin::kLoad, "",
                              "folder where the vendor keeps compiled blobs of this machine; empty: none"})});
    return specs;
  }());
  return table;
}

std::string describe() {
  plugin::Description description;
  description.name = kWho;
  description.formats = {"onnx", "openvino-ir"};
  description.precisions = kPrecisions;
  description.dtypes = {"float32", "float64", "float16", "bfloat16", "int8",   "int16", "int32",
                        "int64",   "uint8",   "uint16",  "uint32",   "uint64", "bool"};
  description.narrow = {{"int64", "int32"}};
  description.vendor = {{kWho, {"libopenvino_c.so.*", "libopenvino_c.so"}, {"openvino/libs"}, kWho, "2026.0", true}};
  return plugin::describe_json(description, option_table());
}

}  // namespace speedster::openvino
