#include "base/files.h"
#include "compressor/steps.h"
#include "worker/steps/step.h"

namespace speedster::worker {
namespace {

constexpr const char* kWho = "quantize";

Result<std::vector<std::string>> excluded(const Json& options) {
  if (!options.contains("exclude")) return std::vector<std::string>();
  return json_strings(options, "exclude", kWho);
}

Result<compressor::StaticOptions> static_options(const Json& options) {
  compressor::StaticOptions made;
  const std::string method = options.value("calibration", std::string("minmax"));
  if (method == "percentile") made.calibration = compressor::Calibration::kPercentile;
  else if (method != "minmax")
    return Error(ErrorKind::kUsage, "[quantize] expected a calibration of minmax or percentile, got " + method);
  made.percentile = options.value("percentile", made.percentile);
  SPEEDSTER_ASSIGN(made.exclude_patterns, excluded(options));
  return made;
}

Json answer(const StepContext& context, const fs::path& model, Json summary) {
  return {{"files", {{"model", context.relative(model)}}}, {"summary", std::move(summary)}};
}

}  // namespace

Result<Json> simplify(const StepContext& context) {
  SPEEDSTER_ASSIGN(const fs::path model, context.input("model"));
  const fs::path out = context.out / "model.onnx";
  SPEEDSTER_ASSIGN(const compressor::Simplification done, compressor::simplify_file(model, out));
  return answer(context, out, compressor::to_json(done));
}

Result<Json> quantize_static(const StepContext& context) {
  SPEEDSTER_ASSIGN(const fs::path model, context.input("model"));
  SPEEDSTER_ASSIGN(const fs::path ranges_file, context.input("ranges"));
  SPEEDSTER_ASSIGN(const std::string text, read_file(ranges_file));
  SPEEDSTER_ASSIGN(const Json json, parse_json(text, kWho));
  SPEEDSTER_ASSIGN(const compressor::Ranges ranges, compressor::ranges_from_json(json));
  SPEEDSTER_ASSIGN(const std::string backend, json_string(context.options, "target", kWho));
  SPEEDSTER_ASSIGN(const compressor::Target target, compressor::target_for(backend, context.options.value("vnni", false)));
  SPEEDSTER_ASSIGN(const compressor::StaticOptions options, static_options(context.options));
  const fs::path out = context.out / "model.onnx";
  SPEEDSTER_ASSIGN(const auto summary, compressor::quantize_static_file(model, out, target, ranges, options));
  return answer(context, out, compressor::to_json(summary));
}

Result<Json> quantize_dynamic(const StepContext& context) {
  SPEEDSTER_ASSIGN(const fs::path model, context.input("model"));
  SPEEDSTER_ASSIGN(const std::string backend, json_string(context.options, "target", kWho));
  SPEEDSTER_ASSIGN(const compressor::Target target, compressor::target_for(backend, context.options.value("vnni", false)));
  compressor::DynamicOptions options;
  options.weight_bits = target.weight_bits;
  options.per_channel = target.per_channel;
  SPEEDSTER_ASSIGN(options.exclude_patterns, excluded(context.options));
  const fs::path out = context.out / "model.onnx";
  SPEEDSTER_ASSIGN(const auto summary, compressor::quantize_dynamic_file(model, out, options));
  return answer(context, out, compressor::to_json(summary));
}

Result<Json> convert_half(const StepContext& context) {
  SPEEDSTER_ASSIGN(const fs::path model, context.input("model"));
  SPEEDSTER_ASSIGN(const std::string kind, json_string(context.options, "kind", "convert-half"));
  if (kind != "fp16" && kind != "bf16")
    return Error(ErrorKind::kUsage, "[convert-half] expected kind fp16 or bf16, got " + kind);
  const fs::path out = context.out / "model.onnx";
  SPEEDSTER_ASSIGN(const auto summary,
                   compressor::convert_half_file(model, out, kind == "fp16" ? compressor::Half::kFloat16 : compressor::Half::kBFloat16,
                                                 compressor::sensitive_operators()));
  return answer(context, out, compressor::to_json(summary));
}

}  // namespace speedster::worker
