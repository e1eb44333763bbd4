#include "openvino/session.h"

#include <algorithm>
#include <fstream>
#include <limits>
#include <sstream>

#include "openvino/ir_scan.h"
#include "openvino/measure.h"
#include "support/onnx_scan.h"
#include "support/text_hash.h"

namespace speedster::openvino {

namespace {

namespace fs = std::filesystem;
using plugin::Failure;

/// TensorProto.DataType of the ONNX specification.
enum OnnxType : int { kOnnxFloat16 = 10, kOnnxBFloat16 = 16 };

std::string sniff(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  char first = 0;
  file.get(first);
  return first == '<' ? "openvino-ir" : "onnx";
}

Artifact inspect_onnx(const fs::path& path) {
  const plugin::OnnxScan scan = plugin::scan_onnx(path, kWho);
  for (const std::string& input : scan.inputs)  // the vendor's CPU device compiles no such model
    if (scan.unranked.contains(input))
      throw Failure(SP_UNSUPPORTED, "[openvino] expected inputs of a known rank, got '" + input +
                                        "' without a shape; try to export the model with its shapes");
  Artifact artifact{path,        "onnx",      {path.filename().string()}, plugin::shapes_depend_on_values(scan),
                    scan.inputs, scan.outputs};
  artifact.files.insert(artifact.files.end(), scan.external_files.begin(), scan.external_files.end());
  artifact.axes = scan.axes;
  artifact.free_axes = scan.free_axes;
  artifact.weight_bytes = scan.weight_bytes;
  if (scan.operators.contains("DequantizeLinear")) artifact.rounded.insert("int8");
  if (scan.weight_elements.contains(kOnnxFloat16)) artifact.rounded.insert("f16");
  if (scan.weight_elements.contains(kOnnxBFloat16)) artifact.rounded.insert("bf16");
  return artifact;
}

Artifact inspect_ir(const fs::path& path) {
  const IrScan scan = scan_ir(path);
  if (scan.has_state)
    throw Failure(SP_UNSUPPORTED,
                  "[openvino] expected a model without state, got ReadValue or Assign operations; try to "
                  "convert it with its state as inputs and outputs (the vendor's C interface cannot reset it)");
  Artifact artifact{path, "openvino-ir", {path.filename().string()}, scan.value_dependent};
  artifact.free_axes = scan.free_axes;
  std::error_code error;
  if (const auto bytes = fs::file_size(weights_of(path), error); !error) {
    artifact.weight_bytes = bytes;
    artifact.files.push_back(weights_of(path).filename().string());
  }
  for (const auto& [type, kind] : {std::pair{"f16", "f16"},
                                   {"bf16", "bf16"},
                                   {"i8", "int8"},
                                   {"u8", "int8"},
                                   {"i4", "int4"},
                                   {"u4", "int4"},
                                   {"nf4", "int4"}})
    if (scan.constant_types.contains(type)) artifact.rounded.insert(kind);
  return artifact;
}

/// For a folder of their own. 2026.4.1 finds a blob by the model alone, whatever it was compiled with (seen: another
/// SNIPPETS_MODE, EXECUTION_MODE_HINT or number of threads answers from the same file).
std::string name_of(const std::vector<Property>& properties) {
  plugin::TextHash hash;
  for (const Property& property : properties) hash.field(property.key).field(property.value);
  return hash.hex();
}

}  // namespace

Artifact inspect(const fs::path& path, const std::string& format) {
  const std::string known = format.empty() ? sniff(path) : format;
  if (known == "onnx") return inspect_onnx(path);
  if (known == "openvino-ir") return inspect_ir(path);
  throw Failure(SP_UNSUPPORTED,
                "[openvino] expected format onnx or openvino-ir, got '" + known + "'; try to convert the model first");
}

std::vector<std::string> copy_artifact(const Artifact& artifact, const fs::path& directory) {
  if (artifact.format == "onnx")
    return plugin::copy_onnx(artifact.path, plugin::scan_onnx(artifact.path, kWho), directory, kWho);
  std::vector<std::string> files;
  for (const std::string& file : artifact.files) {
    const std::string name = "model" + fs::path(file).extension().string();
    std::error_code error;
    fs::copy_file(fs::absolute(artifact.path).parent_path() / file, directory / name,
                  fs::copy_options::overwrite_existing, error);
    if (error)
      throw Failure(SP_INVALID, "[openvino] expected a copy of " + file + " in " + directory.string() +
                                    ", got: " + error.message());
    files.push_back(name);
  }
  return files;
}

Runtime::Runtime(const std::string& library) : api_(library) {
  ov_core_t* core = nullptr;
  api_.check(api_.ov_core_create(&core), "a core");
  core_ = own(core, api_.ov_core_free);
}

std::set<std::string> Runtime::capabilities() const {
  char* text = nullptr;
  api_.check(api_.ov_core_get_property(core(), "CPU", "OPTIMIZATION_CAPABILITIES", &text), "the CPU's capabilities");
  std::istringstream words(text);
  api_.ov_free(text);
  std::set<std::string> result;
  for (std::string word; words >> word;) result.insert(word);
  return result;
}

Session::Session(std::shared_ptr<const Runtime> runtime, Artifact artifact, const plugin::OptionValues& options,
                 bool measured)
    : runtime_(std::move(runtime)),
      artifact_(std::move(artifact)),
      options_(options),
      measured_(measured || options.flag("inspect")) {
  const Api& api = this->api();
  compiled_ = own(api.compile(runtime_->core(), artifact_.path.string(), properties()), api.ov_compiled_model_free);
  std::size_t inputs = 0;
  std::size_t outputs = 0;
  api.check(api.ov_compiled_model_inputs_size(get(), &inputs), "the number of inputs");
  api.check(api.ov_compiled_model_outputs_size(get(), &outputs), "the number of outputs");
  if (artifact_.inputs.size() != inputs) artifact_.inputs.clear();
  if (artifact_.outputs.size() != outputs) artifact_.outputs.clear();

  std::vector<plugin::TensorSpec> input_specs;
  std::vector<plugin::TensorSpec> output_specs;
  for (std::size_t i = 0; i < inputs; ++i) {
    ov_output_const_port_t* port = nullptr;
    api.check(api.ov_compiled_model_input_by_index(get(), i, &port), "an input");
    inputs_.push_back(own(port, api.ov_output_const_port_free));
    input_specs.push_back(describe_port(port, port_name(port, i, true), true));
  }
  for (std::size_t i = 0; i < outputs; ++i) {
    ov_output_const_port_t* port = nullptr;
    api.check(api.ov_compiled_model_output_by_index(get(), i, &port), "an output");
    outputs_.push_back(own(port, api.ov_output_const_port_free));
    output_specs.push_back(describe_port(port, port_name(port, i, false), false));
  }
  signature_ = std::make_unique<plugin::SignatureStorage>(input_specs, output_specs);
  shapes_ = std::make_unique<plugin::ShapeMemory>(*signature(), artifact_.value_dependent);
}

std::vector<Property> Session::properties() const {
  const std::string& precision = options_.text("precision");
  // The vendor would quietly take what the processor has; the caller asked for one thing.
  const char* needed = precision == "bf16" ? "BF16" : precision == "fp16" ? "FP16" : "FP32";
  const std::set<std::string> capabilities = runtime_->capabilities();
  if (!capabilities.contains(needed)) {
    std::string has;
    for (const std::string& word : capabilities) has += (has.empty() ? "" : ", ") + word;
    throw Failure(SP_UNSUPPORTED, "[openvino] expected a processor that computes in " + precision + ", got one with " +
                                      has + "; try precision fp32");
  }
  const std::int64_t threads = options_.integer("threads");
  const bool full = precision == "fp32";
  std::vector<Property> result = {
      {"INFERENCE_PRECISION_HINT", full                  ? "f32"
                                   : precision == "bf16" ? "bf16"
                                                         : "f16"},
      {"INFERENCE_NUM_THREADS", std::to_string(threads)},
      {"NUM_STREAMS", std::to_string(streams())},
      {"PERFORMANCE_HINT", options_.text("hint") == "latency" ? "LATENCY" : "THROUGHPUT"},
      {"EXECUTION_MODE_HINT", options_.text("execution_mode") == "accuracy" ? "ACCURACY" : "PERFORMANCE"},
  };
  // The defaults of these two are lossy whatever the precision hint says.
  if (!options_.flag("dynamic_quantization")) result.push_back({"DYNAMIC_QUANTIZATION_GROUP_SIZE", "0"});
  if (full) result.push_back({"KV_CACHE_PRECISION", "f32"});
  // A fused kernel that was made for one extent may be used for another and give wrong numbers (seen on 2026.4.1:
  // attention, sequence 1, then 33).
  if (options_.text("fusion") == "off" || (options_.text("fusion") == "auto" && artifact_.free_axes))
    result.push_back({"SNIPPETS_MODE", "DISABLE"});
  if (options_.text("pinning") != "auto")
    result.push_back({"ENABLE_CPU_PINNING", options_.text("pinning") == "on" ? "YES" : "NO"});
  if (!options_.text("cache_dir").empty() && !measured_)
    result.push_back({"CACHE_DIR", (fs::path(options_.text("cache_dir")) / name_of(result)).string()});
  if (measured_) result.push_back({"PERF_COUNT", "YES"});
  return result;
}

std::int64_t Session::streams() const {
  const std::int64_t asked = options_.integer("streams");
  return asked > 0 ? asked : std::min(options_.integer("contexts"), options_.integer("threads"));
}

// With one thread a stream, 2026.4.1 runs a synchronous inference where exceptions are swallowed: it reports success
// and leaves the outputs as they were (seen with a Reshape to an impossible target).
bool Session::tells_failures() const { return options_.integer("threads") > streams(); }

bool Session::has_name(const std::string& name, bool input) const {
  ov_output_const_port_t* port = nullptr;
  const auto find = input ? api().ov_compiled_model_input_by_name : api().ov_compiled_model_output_by_name;
  if (find(get(), name.c_str(), &port) != ov_status_e::OK) return false;
  api().ov_output_const_port_free(port);
  return true;
}

std::string Session::port_name(const ov_output_const_port_t* port, std::size_t index, bool input) const {
  // A tensor may have several names; the ONNX file knows which of them is the model's own.
  const std::vector<std::string>& names = input ? artifact_.inputs : artifact_.outputs;
  if (!names.empty() && has_name(names[index], input)) return names[index];
  char* name = nullptr;
  if (api().ov_port_get_any_name(port, &name) != ov_status_e::OK || name == nullptr) {
    // No tensor's name: one that is on both sides says that they are the same tensor.
    std::string made = (input ? "input" : "output") + std::to_string(index);
    while (has_name(made, true) || has_name(made, false)) made += '_';
    return made;
  }
  std::string result = name;
  api().ov_free(name);
  return result;
}

plugin::TensorSpec Session::describe_port(const ov_output_const_port_t* port, const std::string& name,
                                          bool input) const {
  const Api& api = this->api();
  plugin::TensorSpec spec;
  spec.name = name;
  ov_element_type_e element = ov_element_type_e::DYNAMIC;
  api.check(api.ov_port_get_element_type(port, &element), "an element type");
  const auto dtype = to_dtype(element);
  if (!dtype)
    throw Failure(SP_UNSUPPORTED,
                  std::string("[openvino] expected a tensor of numbers for ") + (input ? "input '" : "output '") +
                      name + "', got " +
                      (element == ov_element_type_e::STRING ? "strings" : "element type " + std::to_string(element)) +
                      "; try to take this part out of the model");
  spec.dtype = *dtype;

  ov_partial_shape_t shape = {};
  api.check(api.ov_port_get_partial_shape(port, &shape), "a shape");
  spec.ranked = shape.rank.min == shape.rank.max;
  bool bounded = false;
  for (std::int64_t axis = 0; spec.ranked && axis < shape.rank.max; ++axis) {
    const ov_dimension_t& extent = shape.dims[axis];
    const bool fixed = extent.min == extent.max && extent.min >= 0;
    spec.shape.push_back(fixed ? extent.min : -1);
    spec.min.push_back(std::max<std::int64_t>(extent.min, 0));
    spec.max.push_back(extent.max < 0 ? std::numeric_limits<std::int64_t>::max() : extent.max);
    bounded |= !fixed && (extent.min > 0 || extent.max >= 0);
  }
  api.ov_partial_shape_free(&shape);
  if (const auto axes = artifact_.axes.find(name);
      axes != artifact_.axes.end() && axes->second.size() == spec.shape.size())
    spec.axes = axes->second;
  if (bounded) {
    spec.opt = spec.min;
  } else {
    spec.min.clear();
    spec.max.clear();
  }
  return spec;
}

std::vector<plugin::Shape> Session::last_shapes() const {
  const std::lock_guard lock(last_shapes_mutex_);
  return last_shapes_;
}

void Session::note_shapes(std::vector<plugin::Shape> shapes) {
  const std::lock_guard lock(last_shapes_mutex_);
  last_shapes_ = std::move(shapes);
}

std::shared_ptr<Session> Session::measured() {
  return measured_ ? shared_from_this() : std::make_shared<Session>(runtime_, artifact_, options_, true);
}

std::string Session::stats() {
  const std::lock_guard lock(stats_mutex_);
  if (!stats_.empty()) return stats_;
  plugin::PrecisionTally counts = tally(measure_on_zeros(*this));
  if (!counts.empty())
    for (const std::string& kind : artifact_.rounded) counts.rounded_to(kind);
  plugin::JsonWriter json;
  json.object().field("bytes", artifact_.weight_bytes).field("threads", options_.integer("threads"));
  json.field("vendor_version", std::string_view(api().version()));
  counts.write(json);
  json.field("evidence", std::string_view(counts.empty() ? "none: the model refused every shape that was tried"
                                                         : "the vendor's profile of an execution"));
  json.end();
  return stats_ = json.text();
}

}  // namespace speedster::openvino
