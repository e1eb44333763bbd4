/// The table of the openvino plug-in.
#include <set>
#include <utility>

#include "openvino/context.h"
#include "openvino/options.h"
#include "openvino/session.h"
#include "support/json.h"
#include "support/vendor_table.h"

namespace {

namespace vino = speedster::openvino;
namespace plugin = speedster::plugin;

struct Vendor {
  static constexpr const char* kName = vino::kWho;
  using Runtime = vino::Runtime;
  using Session = vino::Session;
  using Context = vino::Context;

  static const plugin::OptionTable& options() { return vino::option_table(); }
  static std::string describe() { return vino::describe(); }
  static std::shared_ptr<Runtime> open(const plugin::OptionValues& options, const sp_host*) {
    return std::make_shared<Runtime>(options.text("library"));
  }
  static std::string probe(const Runtime& runtime) {
    plugin::JsonWriter json;
    json.object().field("usable", true).field("reason", std::string_view()).field("remedy", std::string_view());
    json.field("version", std::string_view(runtime.api().version()))
        .array("devices")
        .item(std::string_view("cpu"))
        .end();
    json.array("precisions");
    const std::set<std::string> capabilities = runtime.capabilities();
    for (const auto& [word, precision] : {std::pair{"FP32", "fp32"}, {"BF16", "bf16"}, {"FP16", "fp16"}})
      if (capabilities.contains(word)) json.item(std::string_view(precision));
    json.end().end();
    return json.text();
  }
  /// The artifact is portable data: compiled blobs are one machine's, and the vendor keeps them itself (option
  /// cache_dir).
  static std::string compile(const Runtime&, const plugin::CompileRequest& request) {
    const vino::Artifact artifact = vino::inspect(request.model, request.format);
    const std::vector<std::string> files = vino::copy_artifact(artifact, request.directory);
    plugin::JsonWriter json;
    json.object().array("files");
    for (const std::string& file : files) json.item(std::string_view(file));
    json.end().field("payload", std::string_view(files.front())).field("kind", std::string_view("data"));
    json.field("format", std::string_view(artifact.format)).object("needs");
    json.field("system", std::string_view("linux-x86_64")).field("vendor_min", std::string_view("2026.0")).end().end();
    return json.text();
  }
  static std::shared_ptr<Session> load(const std::shared_ptr<Runtime>& runtime, const char* artifact,
                                       const plugin::OptionValues& options) {
    return std::make_shared<Session>(runtime, vino::inspect(artifact), options);
  }
  static std::string stats(const std::shared_ptr<Session>& session) { return session->stats(); }
};

constexpr sp_backend kTable = plugin::vendor_table<Vendor>();

}  // namespace

extern "C" __attribute__((visibility("default"))) const sp_backend* speedster_backend_v1(void) { return &kTable; }
