#include "onnxruntime/compile.h"

#include <algorithm>
#include <cstring>

#include "onnxruntime/context.h"
#include "support/json.h"
#include "support/run.h"

namespace speedster::onnxruntime {

using plugin::Failure;

namespace {

namespace fs = std::filesystem;

/// Initializers above this many bytes go to a file beside the optimized graph, which keeps it below protobuf's 2 GiB.
constexpr const char* kExternalAbove = "1024";

std::vector<std::string> write_optimized(const Runtime& runtime, const std::string& model,
                                         const plugin::OptionValues& options, const fs::path& directory,
                                         std::uint64_t weight_bytes) {
  const Api& api = runtime.api();
  // Above "extended" nodes are laid out for one processor.
  const std::string level = options.text("optimization") == "all" ? "extended" : options.text("optimization");
  const Owned<OrtSessionOptions> session_options = new_session_options(api, level);
  OrtSessionOptions* raw = session_options.get();
  const std::string file = (directory / "model.onnx").string();
  api.check(api->SetOptimizedModelFilePath(raw, file.c_str()), "a place for the optimized graph");
  api.check(api->SetIntraOpNumThreads(raw, 1), "a number of threads");
  std::vector<std::string> files = {"model.onnx"};
  constexpr std::uint64_t kInsideLimit = std::uint64_t{1} << 30U;
  if (weight_bytes > kInsideLimit) {
    api.check(api->AddSessionConfigEntry(raw, "session.optimized_model_external_initializers_file_name", "weights.bin"),
              "a file for weights");
    api.check(api->AddSessionConfigEntry(raw, "session.optimized_model_external_initializers_min_size_in_bytes",
                                         kExternalAbove),
              "a bound for weights");
    files.emplace_back("weights.bin");
  }
  new_session(runtime, model, raw);
  return files;
}

/// One execution on zeros with every free axis at `extent`.
bool try_execution(const std::shared_ptr<Session>& session, std::int64_t extent) {
  constexpr std::uint64_t kInputLimit = std::uint64_t{1} << 30U;
  Context context(session);
  std::vector<std::shared_ptr<void>> memory;
  const sp_signature& signature = *session->signature();
  for (std::uint32_t i = 0; i < signature.inputs; ++i) {
    const sp_tensor_info& info = *signature.input[i];
    Shape shape(info.shape, info.shape + std::max(info.rank, 0));
    for (std::size_t axis = 0; axis < shape.size(); ++axis)
      if (shape[axis] < 0) shape[axis] = axis == 0 ? 1 : extent;  // the first axis is the batch more often than not
    const auto bytes = plugin::byte_count(info.dtype, shape);
    if (!bytes || *bytes > kInputLimit) return false;
    memory.push_back(plugin::allocate(*bytes));
    std::memset(memory.back().get(), 0, *bytes);
    const DLTensor tensor = {memory.back().get(),
                             {kDLCPU, 0},
                             static_cast<std::int32_t>(shape.size()),
                             info.dtype,
                             shape.data(),
                             nullptr,
                             0};
    context.bind_input(i, &tensor);
  }
  try {
    context.execute(nullptr);
  } catch (const Failure&) {
    return false;
  }
  return true;
}

}  // namespace

std::string compile(const Runtime& runtime, const std::string& model, const std::string& format,
                    const plugin::OptionValues& options, const std::string& directory, const sp_token* token) {
  if (format != "onnx")
    throw Failure(SP_UNSUPPORTED,
                  "[onnxruntime] expected format onnx, got '" + format + "'; try to convert the model first");
  const plugin::OnnxScan scan = plugin::scan_onnx(model, kWho);
  const bool optimized = options.flag("optimized");
  const std::vector<std::string> files = optimized
                                             ? write_optimized(runtime, model, options, directory, scan.weight_bytes)
                                             : plugin::copy_onnx(model, scan, directory, kWho);
  if (plugin::token_cancelled(token)) throw Failure(SP_CANCELLED, "[onnxruntime] cancelled");
  plugin::JsonWriter json;
  json.object().array("files");
  for (const std::string& file : files) json.item(std::string_view(file));
  json.end().field("payload", std::string_view(files.front())).field("kind", std::string_view("data"));
  json.field("format", std::string_view("onnx")).object("needs").field("system", std::string_view("linux-x86_64"));
  // An optimized graph has operators of the library that wrote it, which older ones need not know.
  json.field("vendor_min", std::string_view(optimized ? runtime.api().version() : "1.17")).end().end();
  return json.text();
}

void probe_execution(const std::shared_ptr<Session>& session) {
  for (const std::int64_t extent : {1, 8, 64, 224, 320})
    if (!session->profiling() || try_execution(session, extent)) return;
}

}  // namespace speedster::onnxruntime
