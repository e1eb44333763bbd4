#include "search/timing.h"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <vector>

#include "base/files.h"
#include "base/text.h"

#include "hardware/cpu.h"

namespace speedster::search {
namespace {

class ServedRunner final : public measure::Runner {
 public:
  ServedRunner(ServedPackage package, TimingContext context, std::shared_ptr<TimingNotes> notes)
      : package_(std::move(package)), context_(std::move(context)), notes_(std::move(notes)) {}
  ~ServedRunner() override { notes_->peak_memory = std::max(notes_->peak_memory, package_.peak_memory()); }

  Result<measure::Block> block(const measure::BlockSpec& spec) override {
    auto block = package_.block(spec, context_.samples, context_.deadline, context_.cancel);
    if (block.ok()) notes_->call_cpu_seconds.push_back(block->call_cpu_seconds);
    return block;
  }

 private:
  ServedPackage package_;
  TimingContext context_;
  std::shared_ptr<TimingNotes> notes_;
};

/// CPU seconds of this process and of all its descendants, the reaped ones included (their parents keep the account).
double own_cpu_seconds() {
  struct Process {
    int parent = 0;
    double seconds = 0;
  };
  std::map<int, Process> processes;
  const double tick = 1.0 / static_cast<double>(::sysconf(_SC_CLK_TCK));
  std::error_code error;
  for (fs::directory_iterator it("/proc", error), end; !error && it != end; it.increment(error)) {
    const auto pid = parse_number<int>(it->path().filename().string());
    if (!pid) continue;
    const auto stat = read_file(it->path() / "stat", 4096);
    if (!stat.ok()) continue;
    // proc(5): after "(comm)" come state, ppid, … utime, stime, cutime, cstime as fields 14 to 17 of the whole line.
    const std::size_t close = stat->rfind(')');
    if (close == std::string::npos) continue;
    const std::vector<std::string> fields = split(std::string_view(*stat).substr(close + 2), ' ');
    if (fields.size() < 15) continue;
    Process process;
    process.parent = parse_number<int>(fields[1]).value_or(0);
    for (std::size_t i = 11; i <= 14; ++i)
      process.seconds += static_cast<double>(parse_number<long>(fields[i]).value_or(0)) * tick;
    processes[*pid] = process;
  }
  const int self = ::getpid();
  double total = 0;
  for (const auto& [pid, process] : processes) {
    int ancestor = pid;
    for (int depth = 0; depth < 64 && ancestor != self && ancestor > 1; ++depth) {
      const auto it = processes.find(ancestor);
      ancestor = it == processes.end() ? 0 : it->second.parent;
    }
    if (ancestor == self) total += process.seconds;
  }
  return total;
}

}  // namespace

measure::ForeignShare machine_foreign_share(int cores) {
  struct Reading {
    hardware::CpuAccount account;
    double own = 0;
  };
  auto last = std::make_shared<Reading>(Reading{hardware::read_cpu_account(), own_cpu_seconds()});
  return [last, cores] {
    const Reading now{hardware::read_cpu_account(), own_cpu_seconds()};
    const double share = hardware::foreign_share(last->account, now.account, now.own - last->own, cores);
    *last = now;
    return share;
  };
}

measure::Load load_served(const TimingContext& context, const ServeSpec& spec, std::shared_ptr<TimingNotes> notes) {
  return [context, spec, notes]() -> Result<measure::Loaded> {
    SPEEDSTER_ASSIGN(ServedPackage package,
                     ServedPackage::start(*context.supervisor, spec, context.deadline, context.cancel));
    notes->load_seconds.push_back(package.load_seconds());
    package.watch_memory(false);
    SPEEDSTER_TRY(package.pause());
    const double seconds = package.load_seconds();
    return measure::Loaded{std::make_unique<ServedRunner>(std::move(package), context, notes), seconds};
  };
}

}  // namespace speedster::search
