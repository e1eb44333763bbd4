// `speedster doctor`: what this machine has, which backends and toolchains can be used, and what would mend the others.
#include <speedster/version.h>

#include <algorithm>
#include <thread>

#include "backend/plugin.h"
#include "base/files.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/interrupt.h"
#include "cli/remedy.h"
#include "hardware/cpu.h"
#include "job/supervisor.h"
#include "report/format.h"
#include "report/text.h"
#include "search/availability.h"
#include "toolchain/toolchain.h"

namespace speedster::cli {
namespace {

constexpr double kNoiseSeconds = 1.0;
constexpr double kBusyShare = 0.05;  // above it a round of timing is dropped (docs/design/measuring.md)

struct Noise {
  double foreign_share = 0;
  std::string governor;  ///< of processor 0; empty where the kernel does not say
};

Noise listen() {
  Noise noise;
  const hardware::Machine machine = hardware::probe();
  const hardware::CpuAccount begin = hardware::read_cpu_account();
  std::this_thread::sleep_for(std::chrono::duration<double>(kNoiseSeconds));
  noise.foreign_share = hardware::foreign_share(begin, hardware::read_cpu_account(), 0, machine.cores);
  if (const Result<std::string> text = read_file("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", 4096))
    noise.governor = std::string(trim(*text));
  return noise;
}

struct Folder {
  const char* name;
  fs::path path;
  std::uint64_t bytes = 0, free = 0;
};

std::vector<Folder> folders() {
  std::vector<Folder> all = {{"cache", cache_directory()}, {"state", state_directory()}, {"data", data_directory()}};
  for (Folder& folder : all) {
    folder.bytes = directory_size(folder.path);
    if (const Result<std::uint64_t> free = free_space(folder.path)) folder.free = *free;
  }
  return all;
}

std::string isa_text(const hardware::Machine& machine) {
  return machine.isa.empty() ? std::string("none that matter") : join(machine.isa, " ");
}

std::string int8_text(const hardware::Machine& machine) {
  return machine.has_vnni() ? "8-bit weights" : "7-bit weights: without VNNI, sums of 8-bit products saturate";
}

class Page {
 public:
  explicit Page(Io& io) : io_(io) {}
  void heading(const std::string& text) {
    if (!first_) io_.say("");
    first_ = false;
    io_.say(io_.out_terminal.color ? "\x1b[1m" + text + "\x1b[0m" : text);
  }
  void line(const std::string& label, const std::string& text) {
    std::string shown = report::pad(report::printable(label), kLabel);
    for (const std::string& piece :
         report::wrap(report::printable(text), std::max(30, io_.out_terminal.width - kIndent - kLabel))) {
      io_.say("  " + shown + piece);
      shown = std::string(kLabel, ' ');
    }
  }
  /// Never broken: paths are there to be copied.
  void path(const std::string& text) { io_.say(std::string(kIndent + kLabel, ' ') + report::printable(text)); }

 private:
  static constexpr int kIndent = 2, kLabel = 16;
  Io& io_;
  bool first_ = true;
};

void say_backend(Page& page, const search::BackendState& backend) {
  if (backend.usable) {
    std::string text = "usable";
    if (!backend.version.empty()) text += ", " + backend.version;
    if (!backend.precisions.empty()) text += ", " + join(backend.precisions, " ");
    page.line(backend.name, text);
    if (!backend.library.empty()) page.path(backend.library + " (" + backend.source + ")");
  } else {
    page.line(backend.name, "not usable: " + (backend.reason.empty() ? "no reason given" : backend.reason));
    if (!backend.remedy.empty()) page.line("", "to mend it: " + backend.remedy);
    if (!backend.failure.empty()) page.path(backend.failure + "/repro.sh repeats it");
  }
}

void say_toolchain(Page& page, const toolchain::Row& row) {
  const auto version = row.packages.find(row.name);
  std::string text = version == row.packages.end() ? "" : version->second + ", ";
  const std::string mends = remedy(row), tries = mends.empty() ? "" : "; try " + mends;
  if (!row.problem.empty())
    text += row.problem + (row.problem.find("; try ") == std::string::npos ? tries : "");
  else if (!row.installed)
    text += "not installed" + tries;
  else
    text += (row.outdated ? "outdated" + tries : "installed") + ", " + report::format_bytes(row.environment.bytes);
  page.line(row.name, text);
}

/// Where no child can be started at all, each plug-in is a row that says why.
std::vector<search::BackendState> ask_backends(const CancelToken& cancel) {
  const auto ask = [&]() -> Result<std::vector<search::BackendState>> {
    SPEEDSTER_ASSIGN(const fs::path worker, job::find_worker());
    SPEEDSTER_ASSIGN(const auto supervisor, job::Supervisor::start(worker, {}));
    SPEEDSTER_ASSIGN(const TempDir work, TempDir::create("speedster-doctor"));
    return search::probe_backends(*supervisor, work.path(), {}, {}, cancel);
  };
  Result<std::vector<search::BackendState>> states = ask();
  if (states) return *std::move(states);
  std::vector<search::BackendState> rows;
  for (const std::string& name : backend::list_plugins()) {
    rows.emplace_back().name = name;
    rows.back().reason = states.error().full_message();
  }
  return rows;
}

/// What is installed counts as usable once its modules were imported.
std::vector<toolchain::Row> ask_toolchains(const CancelToken& cancel) {
  std::vector<toolchain::Row> rows = toolchain::list(/*with_bytes=*/true);
  for (toolchain::Row& row : rows) {
    if (!row.installed || !row.problem.empty()) continue;
    if (const Result<void> whole = toolchain::check_imports(row.environment, cancel); !whole)
      row.problem = whole.error().full_message();
  }
  return rows;
}

Result<ExitCode> doctor(Io& io) {
  const CancelToken cancel;
  const TokenFollowsFlag follows(io.cancel, cancel);
  const hardware::Machine machine = hardware::probe();
  const Noise noise = listen();
  const std::vector<search::BackendState> backends = ask_backends(cancel);
  const std::vector<toolchain::Row> toolchains = ask_toolchains(cancel);
  if (cancel.cancelled()) return Error(ErrorKind::kCancelled, "[doctor] interrupted");
  const std::vector<Folder> places = folders();
  // The reference backend is exact, not fast: it alone makes no model faster.
  const bool any = std::any_of(backends.begin(), backends.end(),
                               [](const search::BackendState& b) { return b.usable && b.name != "reference"; });
  const ExitCode code = any ? kOk : kVendor;

  if (io.json) {
    Json backend_rows = Json::array(), toolchain_rows = Json::array(), folder_rows = Json::object();
    for (const search::BackendState& backend : backends) backend_rows.push_back(search::to_json(backend));
    for (const toolchain::Row& row : toolchains)
      toolchain_rows.push_back({{"name", row.name},
                                {"installed", row.installed},
                                {"outdated", row.outdated},
                                {"problem", row.problem},
                                {"remedy", remedy(row)},
                                {"packages", row.packages},
                                {"bytes", row.environment.bytes}});
    for (const Folder& folder : places)
      folder_rows[folder.name] = {{"path", folder.path.string()}, {"bytes", folder.bytes}, {"free_bytes", folder.free}};
    io.print({{"ok", any},
              {"speedster", SPEEDSTER_VERSION_STRING},
              {"machine", hardware::to_json(machine)},
              {"fingerprint", hardware::fingerprint(machine)},
              {"available_memory_bytes", hardware::available_memory()},
              {"backends", backend_rows},
              {"toolchains", toolchain_rows},
              {"folders", folder_rows},
              {"noise", {{"foreign_share", noise.foreign_share}, {"governor", noise.governor}}}});
    return code;
  }

  Page page(io);
  page.heading("Machine");
  page.line("processor", machine.model + (machine.codename.empty() ? "" : " (" + machine.codename + ")"));
  page.line("cores", std::to_string(machine.usable_cores) + " usable of " + std::to_string(machine.cores));
  page.line("memory", report::format_bytes(machine.memory_bytes) + ", " +
                          report::format_bytes(hardware::available_memory()) + " available");
  page.line("instructions", isa_text(machine));
  page.line("int8", int8_text(machine));
  page.line("noise", report::format_number(100 * noise.foreign_share) + " % of the core time is taken by others" +
                         (noise.foreign_share > kBusyShare
                              ? ": busy; timing waits for quiet rounds, end other work for exact figures"
                              : ": quiet"));
  if (!noise.governor.empty()) page.line("governor", noise.governor);
  page.heading("Backends");
  for (const search::BackendState& backend : backends) say_backend(page, backend);
  if (backends.empty()) page.line("none", "no plug-ins were found; SPEEDSTER_BACKEND_PATH names their folder");
  page.heading("Toolchains");
  for (const toolchain::Row& row : toolchains) say_toolchain(page, row);
  page.heading("Folders");
  for (const Folder& folder : places)
    page.line(folder.name, folder.path.string() + ", " +
                               (folder.bytes > 0 ? report::format_bytes(folder.bytes) : "empty") + ", " +
                               report::format_bytes(folder.free) + " free");
  return code;
}

}  // namespace

Command doctor_command() {
  return {"doctor", "Show what this machine has, what can be used, and what would mend the rest",
          [](CLI::App&) -> Run { return doctor; }};
}

}  // namespace speedster::cli
