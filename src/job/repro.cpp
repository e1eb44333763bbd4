#include "job/repro.h"

#include "base/text.h"
#include "job/exec.h"
#include "job/repro_templates.h"
#include "job/supervisor.h"

namespace speedster::job {
namespace {

struct Scripts {
  std::string_view call, probe;
};

const std::map<std::string, Scripts, std::less<>>& templates() {
  static const std::map<std::string, Scripts, std::less<>> kTemplates = {
      {"onnxruntime", {kOnnxRuntime, kOnnxRuntimeProbe}}, {"openvino", {kOpenVino, kOpenVinoProbe}}};
  return kTemplates;
}

std::string fill(std::string_view text, const std::map<std::string, std::string>& values) {
  std::string filled;
  while (true) {
    const std::size_t at = text.find('@');
    filled += text.substr(0, at);
    if (at == std::string_view::npos) return filled;
    const std::size_t end = text.find('@', at + 1);
    const auto value =
        end == std::string_view::npos ? values.end() : values.find(std::string(text.substr(at + 1, end - at - 1)));
    if (value == values.end()) {
      filled += '@';
      text.remove_prefix(at + 1);
    } else {
      filled += value->second;
      text.remove_prefix(end + 1);
    }
  }
}

std::string limited(std::string_view script, const Limits& limits) {
  const std::string count = std::to_string(limits.threads);
  const std::string threads =
      limits.threads > 0 ? "OMP_NUM_THREADS=" + count + " SPEEDSTER_THREADS=" + count + " " : "";
  const auto worker = find_worker();
  const std::string quoted = shell_quoted({worker.ok() ? worker->string() : "speedster-worker"});
  return fill(script, {{"FIND_WORKER", fill(kFindWorker, {{"WORKER", quoted}})},
                       {"LIMITS", join(limit_arguments(limits, 0, {}, /*wall=*/true), " ")},
                       {"THREADS", threads}});
}

/// JSON's strings are Python's, as long as everything beyond ASCII is escaped.
std::string python_literal(const Json& json) {
  return json.dump(-1, ' ', /*ensure_ascii=*/true, Json::error_handler_t::replace);
}

Result<void> write_script(const std::filesystem::path& path, const std::string& content) {
  SPEEDSTER_TRY(write_file(path, content));
  std::error_code error;
  std::filesystem::permissions(path, std::filesystem::perms(0755), error);
  if (error) return errno_error(error.value(), "job", "a script that can be run", path);
  return {};
}

}  // namespace

Result<void> write_repro(const std::filesystem::path& directory, const Limits& limits) {
  return write_script(directory / "repro.sh", limited(kScript, limits));
}

Result<void> write_serve_repro(const std::filesystem::path& directory, const Limits& limits) {
  return write_script(directory / "repro.sh", limited(kServeScript, limits));
}

std::vector<std::string> vendors_with_repro() {
  std::vector<std::string> names;
  for (const auto& [name, scripts] : templates()) names.push_back(name);
  return names;
}

Result<void> write_vendor_repro(const std::filesystem::path& directory, const VendorRepro& what) {
  const auto found = templates().find(what.backend);
  if (found == templates().end())
    return Error(ErrorKind::kUnsupported, "[job] expected a backend with a script of its own (" +
                                              join(vendors_with_repro(), ", ") + "), got " + what.backend);
  Json options = Json::object();
  for (const auto& [key, value] : what.options) options[key] = value;
  return write_script(directory / "repro_vendor.py", fill(what.model.empty() ? found->second.probe : found->second.call,
                                                          {{"VERSION", what.version.empty() ? "" : "==" + what.version},
                                                           {"MODEL", python_literal(what.model)},
                                                           {"SAMPLE", python_literal(what.sample)},
                                                           {"THREADS", std::to_string(what.threads)},
                                                           {"OPTIONS", python_literal(options)}}));
}

}  // namespace speedster::job
