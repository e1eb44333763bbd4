#include "reference/options.h"

#include "reference/value.h"

namespace speedster::reference {

using plugin::OptionType;

const plugin::OptionTable& option_table() {
  static const plugin::OptionTable table = [] {
    using namespace plugin;
    constexpr unsigned kEverywhere = kOpen | kLoad | kCompile;
    constexpr double kAny = std::numeric_limits<double>::infinity();
    std::vector<OptionSpec> specs = common_load_options({"fp32", "bf16", "fp16", "fp64"});
    const std::vector<OptionSpec> own = {
        {"library", OptionType::kString, kOpen, "", "taken and not used: there is no vendor"},
        {"entries", OptionType::kString, kLoad, "main",
         "entry points: main;NAME=OUTPUT,OUTPUT;… each runs what its outputs need", false},
        {"fault",
         OptionType::kEnum,
         kEverywhere,
         "none",
         "what goes wrong: crash (SIGSEGV), abort, exit, hang (until cancelled), stuck (even then), memory (eats it), "
         "wrong or nan (outputs), error",
         true,
         {"none", "crash", "abort", "exit", "hang", "stuck", "memory", "wrong", "nan", "error"}},
        {"fault_at", OptionType::kString, kEverywhere, "execute",
         "where: open, probe, compile, load, execute, or execute:N for the N-th alone (from 1)"},
        {"fault_mb",
         OptionType::kInt,
         kEverywhere,
         "4096",
         "where fault=memory stops if nobody else stops it",
         false,
         {},
         1,
         1 << 20},
        {"compile_delay_ms", OptionType::kInt, kCompile, "0", "what a compilation takes", false, {}, 0, 1e9},
        {"load_delay_ms", OptionType::kInt, kLoad, "0", "what a load takes", false, {}, 0, 1e9},
        {"memory_mb", OptionType::kInt, kLoad, "0", "memory that a model holds and has touched", false, {}, 0, 1 << 20},
        {"delay_us", OptionType::kFloat, kLoad, "0", "busy time of an execution", false, {}, 0, 1e9},
        {"delay_element_ns",
         OptionType::kFloat,
         kLoad,
         "0",
         "busy time for each element of the inputs",
         false,
         {},
         0,
         1e9},
        {"delay_scale", OptionType::kFloat, kLoad, "1", "factor on the busy time", false, {}, 0, 1e6},
        {"noise_call",
         OptionType::kFloat,
         kLoad,
         "0",
         "sigma of a lognormal factor on the busy time, new for each call",
         false,
         {},
         0,
         10},
        {"noise_block",
         OptionType::kFloat,
         kLoad,
         "0",
         "the same, new after a pause of more than 20 ms",
         false,
         {},
         0,
         10},
        {"noise_load", OptionType::kFloat, kLoad, "0", "the same, new for each load", false, {}, 0, 10},
        {"noise_seed",
         OptionType::kInt,
         kLoad,
         "0",
         "seed of the noise; 0 takes it from the system",
         false,
         {},
         0,
         kAny},
        {"error",
         OptionType::kFloat,
         kLoad,
         "0",
         "relative size of a fixed perturbation of floating-point outputs",
         true,
         {},
         0,
         kAny},
        {"report_precision",
         OptionType::kEnum,
         kLoad,
         "",
         "what stats says instead of the truth",
         false,
         {"f32", "bf16", "f16", "int8", "mixed", "unknown"}},
    };
    specs.insert(specs.end(), own.begin(), own.end());
    return OptionTable(kWho, std::move(specs));
  }();
  return table;
}

const plugin::Description& description() {
  static const plugin::Description text{kWho, {"onnx"}, {"fp32", "bf16", "fp16", "fp64"}, claimed_dtypes(), {}};
  return text;
}

}  // namespace speedster::reference
