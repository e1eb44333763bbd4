/// The table of the onnxruntime plug-in.
#include "onnxruntime/compile.h"
#include "onnxruntime/context.h"
#include "onnxruntime/options.h"
#include "onnxruntime/session.h"
#include "support/json.h"
#include "support/vendor_table.h"

namespace {

namespace ort = speedster::onnxruntime;
namespace plugin = speedster::plugin;

struct Vendor {
  static constexpr const char* kName = ort::kWho;
  using Runtime = ort::Runtime;
  using Session = ort::Session;
  using Context = ort::Context;

  static const plugin::OptionTable& options() { return ort::option_table(); }
  static std::string describe() { return ort::describe(); }
  static std::shared_ptr<Runtime> open(const plugin::OptionValues& options, const sp_host* host) {
    return std::make_shared<Runtime>(options.text("library"), host);
  }
  static std::string probe(const Runtime& runtime) {
    plugin::JsonWriter json;
    json.object().field("usable", true).field("reason", std::string_view()).field("remedy", std::string_view());
    json.field("version", std::string_view(runtime.api().version()))
        .array("devices")
        .item(std::string_view("cpu"))
        .end();
    json.array("precisions").item(std::string_view("fp32")).end().end();
    return json.text();
  }
  static std::string compile(const Runtime& runtime, const plugin::CompileRequest& request) {
    return ort::compile(runtime, request);
  }
  static std::shared_ptr<Session> load(const std::shared_ptr<Runtime>& runtime, const char* artifact,
                                       const plugin::OptionValues& options) {
    return std::make_shared<Session>(runtime, artifact, options);
  }
  static std::string stats(const std::shared_ptr<Session>& session) {
    ort::probe_execution(session);
    return session->stats();
  }
};

constexpr sp_backend kTable = plugin::vendor_table<Vendor>();

}  // namespace

extern "C" __attribute__((visibility("default"))) const sp_backend* speedster_backend_v1(void) { return &kTable; }
