#include "onnxruntime/session.h"

#include <algorithm>
#include <cstdlib>
#include <future>

#include "support/text_hash.h"

namespace speedster::onnxruntime {

namespace {

namespace fs = std::filesystem;
using plugin::Failure;

/// The library keeps one environment for the process and the logger of whoever came first, so the logger asks here
/// which hosts are open. Never destroyed: the library may log while the process ends.
struct LogRelay {
  std::mutex mutex;
  std::vector<const sp_host*> hosts;

  static LogRelay& instance() {
    static auto* relay = new LogRelay;
    return *relay;
  }
  static void ORT_API_CALL write(void*, OrtLoggingLevel severity, const char*, const char*, const char*,
                                 const char* message) {
    LogRelay& relay = instance();
    const std::lock_guard lock(relay.mutex);
    if (relay.hosts.empty()) return;
    const sp_host* host = relay.hosts.back();
    const int level = severity >= ORT_LOGGING_LEVEL_ERROR ? 3 : severity == ORT_LOGGING_LEVEL_WARNING ? 2 : 1;
    if (host->log != nullptr) host->log(host->user, level, message);
  }
};

GraphOptimizationLevel level_of(const std::string& name) {
  if (name == "disable") return ORT_DISABLE_ALL;
  if (name == "basic") return ORT_ENABLE_BASIC;
  if (name == "extended") return ORT_ENABLE_EXTENDED;
  return ORT_ENABLE_ALL;
}

std::string default_scratch() {
  const char* folder = std::getenv("TMPDIR");
  return folder == nullptr || *folder == '\0' ? "/tmp" : folder;
}

const char* type_name(ONNXType type) {
  switch (type) {
    case ONNX_TYPE_SEQUENCE: return "a sequence";
    case ONNX_TYPE_MAP: return "a map";
    case ONNX_TYPE_OPTIONAL: return "an optional value";
    case ONNX_TYPE_SPARSETENSOR: return "a sparse tensor";
    case ONNX_TYPE_OPAQUE: return "an opaque value";
    default: return "a value of unknown type";
  }
}

}  // namespace

LogListener::LogListener(const sp_host* host) : host_(host) {
  LogRelay& relay = LogRelay::instance();
  const std::lock_guard lock(relay.mutex);
  if (host_ != nullptr) relay.hosts.push_back(host_);
}

LogListener::~LogListener() {
  LogRelay& relay = LogRelay::instance();
  const std::lock_guard lock(relay.mutex);
  const auto found = std::ranges::find(relay.hosts, host_);
  if (found != relay.hosts.end()) relay.hosts.erase(found);
}

Runtime::Runtime(const std::string& library, const sp_host* host) : api_(library) {
  listener_.emplace(host);
  OrtEnv* env = nullptr;
  api_.check(api_->CreateEnvWithCustomLogger(LogRelay::write, nullptr, ORT_LOGGING_LEVEL_WARNING, "speedster", &env),
             "an environment");
  env_ = own(env, api_->ReleaseEnv);
  api_.check(api_->DisableTelemetryEvents(env), "telemetry that can be turned off");
}

Owned<OrtSessionOptions> new_session_options(const Api& api, const std::string& optimization) {
  OrtSessionOptions* raw = nullptr;
  api.check(api->CreateSessionOptions(&raw), "session options");
  auto options = own(raw, api->ReleaseSessionOptions);
  api.check(api->SetSessionGraphOptimizationLevel(raw, level_of(optimization)), "an optimization level");
  return options;
}

Owned<OrtSession> new_session(const Runtime& runtime, const fs::path& model, const OrtSessionOptions* options) {
  const Api& api = runtime.api();
  OrtSession* session = nullptr;
  api.check(api->CreateSession(runtime.env(), model.c_str(), options, &session), "a model that loads", model.native());
  return own(session, api->ReleaseSession);
}

void keep_optimized_graph(const Api& api, OrtSessionOptions* options, const fs::path& folder, bool apart) {
  const std::string file = (folder / kOptimizedModel).string();
  api.check(api->SetOptimizedModelFilePath(options, file.c_str()), "a place for the optimized graph");
  if (!apart) return;
  api.check(
      api->AddSessionConfigEntry(options, "session.optimized_model_external_initializers_file_name", kOptimizedWeights),
      "a file for weights");
  api.check(
      api->AddSessionConfigEntry(options, "session.optimized_model_external_initializers_min_size_in_bytes", "1024"),
      "a bound for weights");
}

Session::Session(std::shared_ptr<const Runtime> runtime, const fs::path& model, const plugin::OptionValues& options)
    : runtime_(std::move(runtime)),
      model_(model),
      options_(options),
      scratch_(options.text("scratch").empty() ? default_scratch() : options.text("scratch")) {
  if (options_.flag("inspect")) profile_ = std::make_unique<ProfileFile>(scratch_);
  const fs::path folder = cache_folder();
  std::error_code error;
  if (const fs::path kept = folder / kOptimizedModel; !folder.empty() && fs::exists(kept, error)) {
    // The scan runs beside a load of what the vendor kept, a thirtieth of a small one. Never beside one of the model
    // itself: no name in it is followed before the scan has seen it.
    std::future<plugin::OnnxScan> scan = std::async(std::launch::async, [&] { return plugin::scan_onnx(model, kWho); });
    session_ = open_kept(kept, profile_.get());
    scan_ = scan.get();
  } else {
    scan_ = plugin::scan_onnx(model, kWho);
    session_ = create_and_keep(folder, profile_.get());
  }
  if (profile_) {
    profile_->adopt();
    profiling_ = true;
  }
  OrtMemoryInfo* memory = nullptr;
  api().check(api()->CreateCpuMemoryInfo(OrtArenaAllocator, OrtMemTypeDefault, &memory), "host memory");
  memory_ = own(memory, api()->ReleaseMemoryInfo);
  api().check(api()->GetAllocatorWithDefaultOptions(&allocator_), "an allocator");

  std::size_t inputs = 0;
  std::size_t outputs = 0;
  api().check(api()->SessionGetInputCount(get(), &inputs), "the number of inputs");
  api().check(api()->SessionGetOutputCount(get(), &outputs), "the number of outputs");
  std::vector<plugin::TensorSpec> input_specs;
  std::vector<plugin::TensorSpec> output_specs;
  for (std::size_t i = 0; i < inputs; ++i) input_specs.push_back(describe_tensor(i, true));
  for (std::size_t i = 0; i < outputs; ++i) output_specs.push_back(describe_tensor(i, false));
  signature_ = std::make_unique<plugin::SignatureStorage>(input_specs, output_specs);
  shapes_ = std::make_unique<plugin::ShapeMemory>(*signature(), plugin::shapes_depend_on_values(scan_));
}

Owned<OrtSessionOptions> Session::session_options(const ProfileFile* profile) const {
  const Api& api = this->api();
  auto options = new_session_options(api, options_.text("optimization"));
  OrtSessionOptions* raw = options.get();
  if (const auto threads = static_cast<int>(options_.integer("threads")); threads > 0)
    api.check(api->SetIntraOpNumThreads(raw, threads), "a number of threads");
  const auto inter = static_cast<int>(options_.integer("inter_threads"));
  api.check(api->SetInterOpNumThreads(raw, inter), "a number of threads");
  api.check(api->SetSessionExecutionMode(raw, inter > 1 ? ORT_PARALLEL : ORT_SEQUENTIAL), "an execution mode");
  const char* spinning = options_.flag("spinning") ? "1" : "0";
  for (const char* key : {"session.intra_op.allow_spinning", "session.inter_op.allow_spinning"})
    api.check(api->AddSessionConfigEntry(raw, key, spinning), key);
  // The vendor's optimizer would take nodes that a quantizer left out on purpose, with one scale for all channels.
  if (!options_.flag("complete_quantization"))
    api.check(api->AddSessionConfigEntry(raw, "optimization.disable_specified_optimizers", "WeightBiasQuantization"),
              "an optimizer that can be left out");
  api.check(options_.flag("arena") ? api->EnableCpuMemArena(raw) : api->DisableCpuMemArena(raw), "the arena setting");
  api.check(options_.flag("mem_pattern") ? api->EnableMemPattern(raw) : api->DisableMemPattern(raw),
            "the pattern setting");
  if (profile != nullptr) api.check(api->EnableProfiling(raw, profile->prefix().c_str()), "a profile");
  return options;
}

Owned<OrtSession> Session::create(const ProfileFile* profile) const {
  return new_session(*runtime_, model_, session_options(profile).get());
}

fs::path Session::cache_folder() const {
  const fs::path root = options_.text("cache_dir");
  if (root.empty()) return {};
  plugin::TextHash name;  // of the options; the folder is that of this model, and of this processor
  name.field(api().version()).field(options_.text("optimization")).field(options_.text("complete_quantization"));
  return root / name.hex();
}

Owned<OrtSession> Session::open_kept(const fs::path& graph, const ProfileFile* profile) const {
  const Owned<OrtSessionOptions> options = session_options(profile);
  api().check(api()->SetSessionGraphOptimizationLevel(options.get(), ORT_DISABLE_ALL), "an optimization level");
  return new_session(*runtime_, graph, options.get());
}

Owned<OrtSession> Session::create_and_keep(const fs::path& folder, const ProfileFile* profile) const {
  if (folder.empty()) return create(profile);
  const Api& api = this->api();
  const fs::path root = folder.parent_path();
  const Owned<OrtSessionOptions> options = session_options(profile);
  std::error_code error;
  fs::create_directories(root, error);
  std::string unfinished = folder.string() + ".XXXXXX";
  if (::mkdtemp(unfinished.data()) == nullptr)
    throw Failure(SP_INVALID, "[onnxruntime] expected a writable folder as cache_dir, got " + root.string());
  keep_optimized_graph(api, options.get(), unfinished, true);
  // The library warns that such a graph is for this machine alone, which is what it is kept for.
  api.check(api->SetSessionLogSeverityLevel(options.get(), ORT_LOGGING_LEVEL_ERROR), "a log level");
  try {
    Owned<OrtSession> session = new_session(*runtime_, model_, options.get());
    fs::rename(unfinished, folder, error);
    if (error) fs::remove_all(unfinished, error);  // another process was faster
    return session;
  } catch (...) {
    fs::remove_all(unfinished, error);
    throw;
  }
}

Owned<OrtSession> Session::profiled_copy(const ProfileFile& file) const { return create(&file); }

plugin::TensorSpec Session::describe_tensor(std::size_t index, bool input) const {
  const Api& api = this->api();
  plugin::TensorSpec spec;
  char* name = nullptr;
  api.check(input ? api->SessionGetInputName(get(), index, allocator_, &name)
                  : api->SessionGetOutputName(get(), index, allocator_, &name),
            "a tensor's name");
  spec.name = name;
  api.check(api->AllocatorFree(allocator_, name), "memory that can be freed");
  const auto refuse = [&](const std::string& got) {
    throw Failure(SP_UNSUPPORTED, std::string("[onnxruntime] expected a tensor of numbers for ") +
                                      (input ? "input '" : "output '") + spec.name + "', got " + got +
                                      "; try to take this part out of the model");
  };

  OrtTypeInfo* raw = nullptr;
  api.check(
      input ? api->SessionGetInputTypeInfo(get(), index, &raw) : api->SessionGetOutputTypeInfo(get(), index, &raw),
      "a tensor's type");
  const auto type = own(raw, api->ReleaseTypeInfo);
  ONNXType kind = ONNX_TYPE_UNKNOWN;
  api.check(api->GetOnnxTypeFromTypeInfo(raw, &kind), "a type");
  if (kind != ONNX_TYPE_TENSOR) refuse(type_name(kind));
  const OrtTensorTypeAndShapeInfo* info = nullptr;  // belongs to the type info
  api.check(api->CastTypeInfoToTensorInfo(raw, &info), "a tensor");
  ONNXTensorElementDataType element = ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED;
  api.check(api->GetTensorElementType(info, &element), "an element type");
  if (element == ONNX_TENSOR_ELEMENT_DATA_TYPE_STRING) refuse("strings");
  const auto dtype = to_dtype(element);
  if (!dtype) refuse("element type " + std::to_string(element));
  spec.dtype = *dtype;

  std::size_t rank = 0;
  api.check(api->GetDimensionsCount(info, &rank), "a rank");
  if (rank == 0 && scan_.unranked.contains(spec.name)) {  // the library tells a scalar and no shape alike
    spec.ranked = false;
    return spec;
  }
  spec.shape.resize(rank);
  api.check(api->GetDimensions(info, spec.shape.data(), rank), "a shape");
  std::vector<const char*> axes(rank, nullptr);
  api.check(api->GetSymbolicDimensions(info, axes.data(), rank), "axis names");
  for (std::size_t axis = 0; axis < rank; ++axis) {
    spec.axes.emplace_back(axes[axis] == nullptr ? "" : axes[axis]);
    spec.shape[axis] = std::max<std::int64_t>(spec.shape[axis], -1);
  }
  return spec;
}

void Session::end_profile() {
  char* name = nullptr;
  api().check(api()->SessionEndProfiling(get(), allocator_, &name), "a profile that ends");
  api().check(api()->AllocatorFree(allocator_, name), "memory that can be freed");
  nodes_ = profile_->read();
  profile_.reset();
  profiling_.store(false, std::memory_order_release);
}

std::string Session::stats() const {
  const std::lock_guard lock(profile_mutex_);
  plugin::JsonWriter json;
  json.object().field("bytes", scan_.weight_bytes).field("threads", options_.integer("threads"));
  json.field("vendor_version", std::string_view(api().version()));
  plugin::PrecisionTally counts = tally(nodes_);
  // Weights folded at load leave no trace in the profile, but the numbers rest on how they were stored.
  if (!counts.empty()) {
    if (scan_.operators.contains("DequantizeLinear")) counts.rounded_to("int8");
    if (scan_.weight_elements.contains(ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16)) counts.rounded_to("f16");
    if (scan_.weight_elements.contains(ONNX_TENSOR_ELEMENT_DATA_TYPE_BFLOAT16)) counts.rounded_to("bf16");
  }
  counts.write(json);
  json.field("evidence", std::string_view(counts.empty() ? "none: the model was not executed or option 'inspect' is off"
                                                         : "the vendor's profile of an execution"));
  json.end();
  return json.text();
}

}  // namespace speedster::onnxruntime
