#include "onnxruntime/options.h"

#include "onnxruntime/api.h"
#include "support/describe.h"

namespace speedster::onnxruntime {

using plugin::OptionType;

const plugin::OptionTable& option_table() {
  static const plugin::OptionTable table(kWho, [] {
    // The CPU provider computes in the model's own types; there is no lower inference precision to ask for.
    std::vector<plugin::OptionSpec> specs = plugin::common_load_options({"fp32"}, /*own_threads=*/true);
    const unsigned session = plugin::kLoad | plugin::kCompile;
    specs.insert(
        specs.end(),
        {plugin::caller_only(
             {"library", OptionType::kString, plugin::kOpen, "", "absolute path of libonnxruntime.so.*"}),
         {"optimization",
          OptionType::kEnum,
          session,
          "all",
          "level of graph optimizations",
          true,
          {"disable", "basic", "extended", "all"}},
         {"inter_threads", OptionType::kInt, plugin::kLoad, "1", "nodes that may run side by side", false, {}, 1, 4096},
         {"spinning", OptionType::kBool, plugin::kLoad, "1", "worker threads spin while they wait"},
         {"arena", OptionType::kBool, plugin::kLoad, "1", "memory comes from an arena that grows and is kept"},
         {"mem_pattern", OptionType::kBool, plugin::kLoad, "1", "memory is planned ahead for repeated shapes"},
         {"complete_quantization", OptionType::kBool, plugin::kLoad, "1",
          "convolutions and Gemm in floating point between quantized values are quantized by the vendor, too"},
         {"inspect", OptionType::kBool, plugin::kLoad, "1",
          "profile the first execution, so that stats can say which precision ran"},
         plugin::caller_only(
             {"scratch", OptionType::kString, plugin::kLoad, "", "folder for temporary files; default TMPDIR or /tmp"}),
         plugin::caller_only(
             {"cache_dir", OptionType::kString, plugin::kLoad, "",
              "folder, of this model alone, where the graph is kept as optimized on this machine; empty: none"}),
         {"optimized", OptionType::kBool, plugin::kCompile, "0",
          "write the graph as optimized at level 'optimization' (extended at most: 'all' is one machine's)"}});
    return specs;
  }());
  return table;
}

std::string describe() {
  plugin::Description description;
  description.name = kWho;
  description.formats = {"onnx"};
  description.precisions = {"fp32"};
  description.dtypes = {"float32",     "float64",         "float16", "bfloat16",      "int8",
                        "int16",       "int32",           "int64",   "uint8",         "uint16",
                        "uint32",      "uint64",          "bool",    "float8_e4m3fn", "float8_e4m3fnuz",
                        "float8_e5m2", "float8_e5m2fnuz", "int4",    "uint4"};
  description.vendor = {{kWho, {"libonnxruntime.so.*", "libonnxruntime.so"}, {"onnxruntime/capi"}, kWho, "1.17", true}};
  return plugin::describe_json(description, option_table());
}

}  // namespace speedster::onnxruntime
