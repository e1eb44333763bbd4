/// The steps that change weights: thin shells over the compressor.
#include "compressor/quantize.h"

#include "compressor/steps.h"
#include "compressor/weight_only.h"
#include "worker/steps/quantization_options.h"
#include "worker/steps/step.h"

namespace speedster::worker {

using onnx_model::OnnxModel;

namespace {

constexpr const char* kModelFile = "model.onnx";

Result<Json> saved(const StepContext& context, const OnnxModel& model, Json summary) {
  SPEEDSTER_TRY(model.save(context.out / kModelFile));
  return Json{{"files", {{"model", std::string("out/") + kModelFile}}}, {"summary", std::move(summary)}};
}

/// A step that found nothing to change would send the original into the race under another name.
Result<Json> saved(const StepContext& context, const OnnxModel& model, const compressor::QuantizationSummary& summary) {
  if (summary.quantized_nodes == 0) {
    std::string message = "[" + context.step + "] expected nodes that can run in lower precision, got none";
    if (!summary.skipped.empty()) message += " (" + summary.skipped.front() + ")";
    return Error(ErrorKind::kUnsupported, message);
  }
  return saved(context, model, compressor::to_json(summary));
}

}  // namespace

Result<QuantizationOptions> quantization_options(const StepContext& context) {
  return quantization_options(context, context.text("target", "onnxruntime"));
}

Result<QuantizationOptions> quantization_options(const StepContext& context, const std::string& target) {
  QuantizationOptions options;
  SPEEDSTER_ASSIGN(options.target, compressor::target_for(target, context.flag("vnni", false)));
  const std::string method = context.text("calibration", "minmax");
  const auto calibration = compressor::calibration_named(method);
  if (!calibration)
    return Error(ErrorKind::kUsage,
                 "[" + context.step + "] expected calibration minmax, percentile, mse or entropy, got " + method);
  options.fixed.calibration = *calibration;
  options.fixed.percentile = context.number("percentile", options.fixed.percentile);
  options.fixed.exclude_patterns = context.texts("exclude");
  for (std::string& name : context.texts("exclude_nodes")) options.fixed.exclude_nodes.insert(std::move(name));
  return options;
}

Result<OnnxModel> model_input(const StepContext& context) {
  SPEEDSTER_ASSIGN(const fs::path path, context.input("model"));
  return OnnxModel::read(path);
}

Result<Json> calibration_input(const StepContext& context) {
  SPEEDSTER_ASSIGN(const fs::path path, context.input("ranges"));
  SPEEDSTER_ASSIGN(const std::string text, read_file(path));
  return parse_json(text, context.step);
}

Result<compressor::Ranges> ranges_of(const Json& calibration, const QuantizationOptions& options,
                                     const StepContext& context) {
  SPEEDSTER_ASSIGN(const Json* taken,
                   json_object(calibration, compressor::calibration_name(options.fixed.calibration), context.step));
  return compressor::ranges_from_json(*taken);
}

Result<compressor::ChannelTable> channels_of(const Json& calibration, const StepContext& context) {
  SPEEDSTER_ASSIGN(const Json* taken, json_object(calibration, kChannels, context.step));
  return compressor::channels_from_json(*taken);
}

Result<Json> migrate_scales_step(const StepContext& context) {
  compressor::MigrationOptions options;
  options.strength = context.number("strength", options.strength);
  if (!(options.strength >= 0 && options.strength <= 1))
    return Error(ErrorKind::kUsage, "[migrate-scales] expected a strength of 0 to 1, got " +
                                        std::to_string(options.strength) + "; try 0.5");
  options.insert = context.flag("insert", options.insert);
  options.exclude_patterns = context.texts("exclude");
  SPEEDSTER_ASSIGN(const Json calibration, calibration_input(context));
  SPEEDSTER_ASSIGN(const compressor::ChannelTable channels, channels_of(calibration, context));
  SPEEDSTER_ASSIGN(OnnxModel model, model_input(context));
  SPEEDSTER_ASSIGN(const auto summary, compressor::migrate_scales(model, channels, options));
  if (summary.absorbed.empty() && summary.inserted.empty())
    return Error(ErrorKind::kUnsupported,
                 "[migrate-scales] expected activations whose channels differ and whose scales can move, got none" +
                     (summary.skipped.empty() ? "" : " (" + summary.skipped.front() + ")"));
  return saved(context, model, compressor::to_json(summary));
}

Result<Json> quantize_static_step(const StepContext& context) {
  SPEEDSTER_ASSIGN(QuantizationOptions options, quantization_options(context));
  SPEEDSTER_ASSIGN(const Json calibration, calibration_input(context));
  SPEEDSTER_ASSIGN(const compressor::Ranges ranges, ranges_of(calibration, options, context));
  if (context.flag("bias_correction", false)) {
    SPEEDSTER_ASSIGN(options.fixed.channels, channels_of(calibration, context));
  }
  SPEEDSTER_ASSIGN(OnnxModel model, model_input(context));
  SPEEDSTER_ASSIGN(const auto summary, compressor::quantize_static(model, options.target, ranges, options.fixed));
  return saved(context, model, summary);
}

Result<Json> quantize_dynamic_step(const StepContext& context) {
  SPEEDSTER_ASSIGN(const QuantizationOptions options, quantization_options(context));
  SPEEDSTER_ASSIGN(OnnxModel model, model_input(context));
  compressor::DynamicOptions dynamic;
  dynamic.weight_bits = options.target.weight_bits;
  dynamic.per_channel = options.target.per_channel;
  dynamic.exclude_nodes = options.fixed.exclude_nodes;
  dynamic.exclude_patterns = options.fixed.exclude_patterns;
  SPEEDSTER_ASSIGN(const auto summary, compressor::quantize_dynamic(model, dynamic));
  return saved(context, model, summary);
}

Result<Json> quantize_weights_step(const StepContext& context) {
  compressor::WeightOnlyOptions options;
  options.bits = static_cast<int>(context.number("bits", options.bits));
  options.block = static_cast<int>(context.number("block", options.block));
  options.integer = context.flag("integer", options.integer);
  options.exclude_patterns = context.texts("exclude");
  SPEEDSTER_ASSIGN(OnnxModel model, model_input(context));
  SPEEDSTER_ASSIGN(const auto summary, compressor::quantize_weights(model, options));
  return saved(context, model, summary);
}

Result<Json> convert_half_step(const StepContext& context) {
  const std::string kind = context.text("kind", "fp16");
  if (kind != "fp16" && kind != "bf16")
    return Error(ErrorKind::kUsage, "[convert-half] expected the kind fp16 or bf16, got " + kind);
  SPEEDSTER_ASSIGN(OnnxModel model, model_input(context));
  const compressor::Half half = kind == "fp16" ? compressor::Half::kFloat16 : compressor::Half::kBFloat16;
  SPEEDSTER_ASSIGN(const auto summary,
                   compressor::convert_half(model, half, compressor::sensitive_operators(), context.texts("exclude")));
  return saved(context, model, summary);
}

}  // namespace speedster::worker
