#include "onnxruntime/compile.h"

#include "onnxruntime/context.h"
#include "support/json.h"
#include "support/run.h"
#include "support/zeros.h"

namespace speedster::onnxruntime {

using plugin::Failure;

namespace {

std::vector<std::string> write_optimized(const Runtime& runtime, const plugin::CompileRequest& request,
                                         std::uint64_t weight_bytes) {
  const Api& api = runtime.api();
  const std::string& asked = request.options.text("optimization");
  // Above "extended" nodes are laid out for one processor.
  const std::string level = asked == "all" ? "extended" : asked;
  const Owned<OrtSessionOptions> session_options = new_session_options(api, level);
  OrtSessionOptions* raw = session_options.get();
  api.check(api->SetIntraOpNumThreads(raw, 1), "a number of threads");
  constexpr std::uint64_t kInsideLimit = std::uint64_t{1} << 30U;  // protobuf's is 2 GiB
  const bool apart = weight_bytes > kInsideLimit;
  keep_optimized_graph(api, raw, request.directory, apart);
  std::vector<std::string> files = {kOptimizedModel};
  if (apart) files.emplace_back(kOptimizedWeights);
  new_session(runtime, request.model, raw);
  return files;
}

}  // namespace

std::string compile(const Runtime& runtime, const plugin::CompileRequest& request) {
  if (!request.format.empty() && request.format != "onnx")
    throw Failure(SP_UNSUPPORTED,
                  "[onnxruntime] expected format onnx, got '" + request.format + "'; try to convert the model first");
  const plugin::OnnxScan scan = plugin::scan_onnx(request.model, kWho);
  const bool optimized = request.options.flag("optimized");
  const std::vector<std::string> files = optimized ? write_optimized(runtime, request, scan.weight_bytes)
                                                   : plugin::copy_onnx(request.model, scan, request.directory, kWho);
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
  for (const std::int64_t extent : plugin::kExtentsToTry) {
    if (!session->profiling()) return;
    Context context(session);
    if (plugin::execute_on_zeros(context, *session->signature(), plugin::free_axes_at(*session->signature(), extent)))
      return;
  }
}

}  // namespace speedster::onnxruntime
