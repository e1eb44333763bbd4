// `speedster inspect`: what is in a model file or a package, without running anything.
#include <algorithm>
#include <map>

#include "base/digest.h"
#include "base/files.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/openvino_ir.h"
#include "hardware/cpu.h"
#include "onnx/model.h"
#include "package/manifest.h"
#include "report/format.h"
#include "report/text.h"

namespace speedster::cli {
namespace {

struct InspectArguments {
  std::string path, html;
  bool report = false;
};

using Operators = std::vector<std::pair<std::string, std::size_t>>;

/// Most frequent first.
Operators sorted_operators(const std::map<std::string, std::size_t>& counted) {
  Operators sorted(counted.begin(), counted.end());
  std::stable_sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
  return sorted;
}

Json operators_json(const Operators& operators) {
  Json json = Json::object();
  for (const auto& [type, count] : operators) json[type] = count;
  return json;
}

void say_lines(Io& io, const std::string& label, const std::string& text) {
  constexpr int kLabel = 12;
  bool first = true;
  for (const std::string& line : report::wrap(report::printable(text), std::max(30, io.out_terminal.width - kLabel))) {
    io.say(report::pad(first ? label : "", kLabel) + line);
    first = false;
  }
}

void say_signature(Io& io, const Signature& signature) {
  const auto line = [](const TensorSpec& spec) {
    std::string text = describe(spec);
    for (const Axis& axis : spec.axes)
      if (axis.dynamic() && axis.min && axis.max)
        text += ", " + (axis.name.empty() ? "?" : axis.name) + " " + std::to_string(*axis.min) + " to " +
                std::to_string(*axis.max);
    return text;
  };
  for (const TensorSpec& input : signature.inputs) say_lines(io, "input", line(input));
  for (const TensorSpec& output : signature.outputs) say_lines(io, "output", line(output));
}

void say_operators(Io& io, const Operators& operators) {
  std::vector<std::string> pieces;
  pieces.reserve(operators.size());
  for (const auto& [type, count] : operators) pieces.push_back(type + " " + std::to_string(count));
  say_lines(io, "operators", join(pieces, ", "));
}

Result<ExitCode> inspect_model(const fs::path& path, Io& io) {
  SPEEDSTER_ASSIGN(const onnx_model::OnnxModel model, onnx_model::OnnxModel::read(path));
  SPEEDSTER_ASSIGN(const Signature signature, model.signature());
  SPEEDSTER_ASSIGN(const std::vector<fs::path> external, model.external_files());
  SPEEDSTER_ASSIGN(const std::string digest, model.digest());
  const Operators operators = sorted_operators(model.operators());
  if (io.json) {
    Json files = Json::array();
    for (const fs::path& file : external) files.push_back(file.filename().string());
    io.print({{"kind", "model"},
              {"format", "onnx"},
              {"path", path.string()},
              {"opset", model.opset()},
              {"sha256", digest},
              {"weight_bytes", model.weight_bytes()},
              {"external_files", files},
              {"signature", to_json(signature)},
              {"operators", operators_json(operators)}});
    return kOk;
  }
  say_lines(io, "model", path.string());
  say_lines(io, "format", "ONNX, opset " + std::to_string(model.opset()));
  say_lines(io, "digest", digest);
  say_lines(io, "weights",
            report::format_bytes(model.weight_bytes()) +
                (external.empty() ? "" : ", in " + std::to_string(external.size()) + " external files"));
  say_signature(io, signature);
  say_operators(io, operators);
  return kOk;
}

Result<ExitCode> inspect_ir(const fs::path& path, Io& io) {
  SPEEDSTER_ASSIGN(const OpenvinoIr ir, read_openvino_ir(path));
  SPEEDSTER_ASSIGN(const std::string digest, sha256_file(path));
  const fs::path weights = fs::path(path).replace_extension(".bin");
  std::error_code error;
  const bool beside = fs::is_regular_file(weights, error);
  const std::uint64_t bytes = beside ? static_cast<std::uint64_t>(fs::file_size(weights, error)) : 0;
  const Operators operators = sorted_operators(ir.operators);
  constexpr const char* kNotPlain = "inputs and outputs are not told: a name, an element type or a shape is not plain";
  if (io.json) {
    io.print({{"kind", "model"},
              {"format", "openvino-ir"},
              {"path", path.string()},
              {"ir_version", ir.version},
              {"sha256", digest},
              {"weight_bytes", bytes},
              {"external_files", beside ? Json{weights.filename().string()} : Json::array()},
              {"signature", ir.signature ? to_json(*ir.signature) : Json(nullptr)},
              {"notes", ir.signature ? Json::array() : Json{kNotPlain}},
              {"operators", operators_json(operators)}});
    return kOk;
  }
  say_lines(io, "model", path.string());
  say_lines(io, "format", "OpenVINO IR, version " + ir.version);
  say_lines(io, "digest", digest + " of the .xml");
  say_lines(io, "weights",
            beside ? report::format_bytes(bytes) + ", in " + weights.filename().string()
                   : "none beside it, no " + weights.filename().string());
  if (ir.signature) say_signature(io, *ir.signature);
  if (!ir.signature) say_lines(io, "note", kNotPlain);
  say_operators(io, operators);
  return kOk;
}

/// Why a variant would not load here, as far as the machine says; the vendor's version is the learner's to judge.
std::string here(const package::Variant& variant, const hardware::Machine& machine) {
  return package::unmet_need(variant.needs, machine).value_or("");
}

/// The operators of a variant's payload where it is ONNX or OpenVINO IR and can be read.
Operators payload_operators(const fs::path& package, const package::Variant& variant) {
  const Result<fs::path> payload = inside(package, variant.payload, "inspect");
  if (!payload) return {};
  if (variant.format == "openvino-ir") {
    const Result<OpenvinoIr> ir = read_openvino_ir(*payload);
    return ir ? sorted_operators(ir->operators) : Operators{};
  }
  if (variant.format != "onnx") return {};
  const Result<onnx_model::OnnxModel> model = onnx_model::OnnxModel::read(*payload);
  return model ? sorted_operators(model->operators()) : Operators{};
}

Json variant_json(const fs::path& folder, const package::Variant& variant, const hardware::Machine& machine) {
  const std::string unmet = here(variant, machine);
  return {{"name", variant.name},
          {"backend", variant.backend},
          {"format", variant.format},
          {"payload", variant.payload},
          {"kind", variant.kind == package::PayloadKind::kCode ? "code" : "data"},
          {"precision", variant.precision},
          {"threads", variant.threads},
          {"techniques", variant.techniques},
          {"options", variant.options},
          {"usable_here", unmet.empty()},
          {"why_not", unmet},
          {"measured", variant.measured},
          {"operators", operators_json(payload_operators(folder, variant))}};
}

void say_variant(Io& io, const fs::path& folder, const package::Variant& variant, const hardware::Machine& machine) {
  std::string line = variant.name + ": " + variant.backend + ", " + variant.format + ", " + variant.precision + ", ";
  line += variant.threads > 0 ? std::to_string(variant.threads) + " threads" : "the vendor's own threads";
  if (!variant.techniques.empty()) line += "; " + join(variant.techniques, ", ");
  if (variant.kind == package::PayloadKind::kCode) line += "; the payload is code";
  say_lines(io, "variant", line);
  if (const auto processor = variant.measured.find("processor");
      processor != variant.measured.end() && processor->is_string())
    say_lines(io, "", "measured on " + processor->get<std::string>());
  if (const std::string unmet = here(variant, machine); !unmet.empty())
    say_lines(io, "", "not on this machine: " + unmet);
  if (const Operators operators = payload_operators(folder, variant); !operators.empty()) say_operators(io, operators);
}

/// Where a package that was merged keeps the reports of those that it was made of.
std::vector<std::string> merged_reports(const package::Manifest& manifest) {
  std::vector<std::string> reports;
  const auto merged = manifest.provenance.find("merged");
  if (merged == manifest.provenance.end() || !merged->is_array()) return reports;
  for (const Json& origin : *merged)
    if (const auto report = origin.is_object() ? origin.find("report") : origin.end();
        report != origin.end() && report->is_string() && manifest.files.contains(report->get<std::string>()))
      reports.push_back(report->get<std::string>());
  return reports;
}

Result<Report> saved_report(const fs::path& package) {
  SPEEDSTER_ASSIGN(const fs::path file, inside(package, package::kReportFile, "inspect"));
  SPEEDSTER_ASSIGN(const std::string text, read_file(file));
  return report_from_json(text);
}

Result<ExitCode> inspect_package(const fs::path& path, const InspectArguments& a, Io& io) {
  SPEEDSTER_ASSIGN(const package::LoadedManifest loaded, package::read_manifest(path));
  if (a.report || !a.html.empty()) {
    if (const std::vector<std::string> reports = merged_reports(loaded.manifest); !reports.empty())
      return Error(ErrorKind::kUsage,
                   "[inspect] expected a package of one search with --report and --html, got one that was "
                   "merged; try its " +
                       join(reports, ", "));
    SPEEDSTER_ASSIGN(const Report report, saved_report(path));
    if (!a.html.empty()) SPEEDSTER_TRY(write_file(a.html, report_html(report)));
    if (a.report) {
      if (io.json)
        io.out << report_json(report) << '\n';
      else
        io.out << io.out_terminal.fit(report_table(report, io.out_terminal.width, io.out_terminal.color));
      return kOk;
    }
  }
  const package::Manifest& manifest = loaded.manifest;
  const hardware::Machine machine = hardware::probe();
  std::uint64_t bytes = 0;
  for (const auto& [name, file] : manifest.files) bytes += file.bytes;
  if (io.json) {
    Json entries = Json::object();
    for (const auto& [name, entry] : manifest.entries) {
      Json variants = Json::array();
      for (const package::Variant& variant : entry.variants) variants.push_back(variant_json(path, variant, machine));
      entries[name] = {{"signature", to_json(entry.signature)}, {"variants", variants}, {"samples", entry.samples}};
    }
    io.print({{"kind", "package"},
              {"path", path.string()},
              {"version", manifest.version},
              {"speedster", manifest.speedster},
              {"manifest_sha256", loaded.sha256},
              {"files", manifest.files.size()},
              {"bytes", bytes},
              {"entries", entries},
              {"provenance", manifest.provenance}});
    return kOk;
  }
  say_lines(io, "package", path.string());
  say_lines(io, "written by",
            "Speedster " + manifest.speedster + ", manifest version " + std::to_string(manifest.version));
  say_lines(io, "manifest", loaded.sha256);
  say_lines(io, "files", std::to_string(manifest.files.size()) + ", " + report::format_bytes(bytes));
  for (const auto& [name, entry] : manifest.entries) {
    io.say("");
    say_lines(io, "entry", name);
    say_signature(io, entry.signature);
    for (const package::Variant& variant : entry.variants) say_variant(io, path, variant, machine);
  }
  if (const std::vector<std::string> reports = merged_reports(manifest); !reports.empty()) {
    io.say("");
    say_lines(
        io, "merged from",
        std::to_string(manifest.provenance["merged"].size()) + " packages; their reports: " + join(reports, ", "));
  }
  if (const Result<Report> report = saved_report(path)) {
    io.say("");
    say_lines(io, "result", report::verdict(*report));
    say_lines(io, "", "the whole report: speedster inspect --report " + path.string());
  }
  return kOk;
}

Result<ExitCode> inspect(const InspectArguments& a, Io& io) {
  if (a.path.empty())
    return Error(ErrorKind::kUsage,
                 "[usage] expected a model or a package, got nothing; try speedster inspect MODEL.onnx");
  std::error_code error;
  const fs::file_status status = fs::status(a.path, error);
  if (!fs::exists(status))
    return errno_error(error.value() != 0 ? error.value() : ENOENT, "inspect", "a model or a package", a.path);
  if (fs::is_directory(status)) return inspect_package(a.path, a, io);
  if (a.report || !a.html.empty())
    return Error(ErrorKind::kUsage, "[usage] expected a package with --report and --html, got the file " + a.path +
                                        "; try the folder that optimize -o wrote");
  return fs::path(a.path).extension() == ".xml" ? inspect_ir(a.path, io) : inspect_model(a.path, io);
}

}  // namespace

Command inspect_command() {
  return {
      "inspect", "Show what is in a model file or a package", [](CLI::App& app) -> Run {
        auto a = std::make_shared<InspectArguments>();
        app.add_option("path", a->path, "An ONNX file, an OpenVINO IR (.xml) or a package")->type_name("PATH");
        app.add_flag("--report", a->report, "Print the report of the search that made the package")
            ->group(kOutputGroup);
        app.add_option("--html", a->html, "Write that report as a page")->group(kOutputGroup)->type_name("FILE.html");
        return [a](Io& io) { return inspect(*a, io); };
      }};
}

}  // namespace speedster::cli
