/// A backend turns a model into its artifact; pack takes a file as it is.
#include <optional>
#include <utility>

#include "worker/steps/draft.h"
#include "worker/steps/step.h"
#include "worker/steps/vendor_script.h"
#include "worker/vendor.h"

namespace speedster::worker {
namespace {

Result<Artifact> read_answer(const Json& answer, fs::path folder, const std::string& who) {
  Artifact artifact;
  artifact.folder = std::move(folder);
  SPEEDSTER_ASSIGN(artifact.files, json_strings(answer, "files", who));
  SPEEDSTER_ASSIGN(artifact.payload, json_string(answer, "payload", who));
  SPEEDSTER_ASSIGN(artifact.format, json_string(answer, "format", who));
  SPEEDSTER_ASSIGN(const std::string kind, json_string(answer, "kind", who));
  if (kind != "data" && kind != "code")
    return Error(ErrorKind::kVendor, "[" + who + "] expected a payload of data or code, got " + kind);
  artifact.kind = kind == "code" ? package::PayloadKind::kCode : package::PayloadKind::kData;
  const Json needs = answer.value("needs", Json::object());
  auto text = [&](const char* key) {
    const Result<std::string> value = json_string(needs, key, who);
    return value ? *value : std::string();
  };
  artifact.needs.system = text("system");
  artifact.needs.vendor_min = text("vendor_min");
  artifact.needs.vendor_below = text("vendor_below");
  if (const Result<std::vector<std::string>> isa = json_strings(needs, "isa", who))
    artifact.needs.isa.insert(isa->begin(), isa->end());
  return artifact;
}

/// `written`: what there is of it already.
Result<void> room_for_a_copy(const fs::path& model, const fs::path& folder, const std::string& who,
                             std::uint64_t written = 0) {
  const std::uint64_t whole = directory_size(model.parent_path()), wanted = whole - std::min(whole, written);
  SPEEDSTER_ASSIGN(const std::uint64_t there, free_space(folder));
  if (there >= wanted) return {};
  return Error(ErrorKind::kNoSpace, "[" + who + "] expected " + std::to_string(wanted) +
                                        " bytes free for the artifact, got " + std::to_string(there) +
                                        "; try to free some, or another SPEEDSTER_CACHE_DIR");
}

}  // namespace

Result<Json> compile_step(const StepContext& context) {
  SPEEDSTER_ASSIGN(const std::string backend, json_string(context.options, "backend", context.step));
  const std::string who = "compile/" + backend;
  SPEEDSTER_ASSIGN(const fs::path model, context.input("model"));
  SPEEDSTER_ASSIGN(const backend::Options load, options_from_json(context.options.value("load", Json()), who));
  // A vendor copies or writes about as much as it reads, and has no words of its own for a full disk.
  SPEEDSTER_TRY(room_for_a_copy(model, context.directory, who));
  std::optional<VendorScript> script(std::in_place, context, backend, "", load, model);
  SPEEDSTER_ASSIGN(const backend::OpenedVendor vendor, open_backend(backend, load));
  script.emplace(context, backend, vendor.version, load, model);
  SPEEDSTER_ASSIGN(const backend::Options options,
                   backend::options_of_scope(vendor.instance.plugin(), load, "compile"));
  SPEEDSTER_ASSIGN(const TempDir folder, TempDir::create("artifact-", context.directory));
  Result<Json> compiled = vendor.instance.compile(model, context.text("format", "onnx"), options, folder.path());
  if (!compiled) {
    auto room = room_for_a_copy(model, context.directory, who, directory_size(folder.path()));
    if (!room.ok()) {
      script->not_needed();
      return std::move(room).error();
    }
  }
  SPEEDSTER_ASSIGN(const Json answer, std::move(compiled));
  SPEEDSTER_ASSIGN(const Artifact artifact, read_answer(answer, folder.path(), who));
  script->not_needed();  // what fails from here on is ours
  return write_draft(context, artifact, vendor.version);
}

Result<Json> pack_step(const StepContext& context) {
  SPEEDSTER_ASSIGN(const fs::path model, context.input("model"));
  Artifact artifact;
  artifact.format = context.text("format", "onnx");
  artifact.folder = model.parent_path();
  artifact.payload = model.filename().string();
  std::error_code error;
  for (fs::recursive_directory_iterator it(artifact.folder, error), end; !error && it != end; it.increment(error))
    if (it->is_regular_file(error)) artifact.files.push_back(it->path().lexically_relative(artifact.folder).string());
  if (error) return errno_error(error.value(), context.step, "a readable folder", artifact.folder);
  return write_draft(context, artifact, "");
}

}  // namespace speedster::worker
