#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

#include "base/clock.h"
#include "base/files.h"
#include "base/text.h"
#include "hardware/cpu.h"

namespace speedster::hardware {

CpuAccount parse_cpu_account(std::string_view text, double at, double ticks_per_second) {
  CpuAccount account;
  account.at = at;
  // proc(5): cpu user nice system idle iowait irq softirq steal guest guest_nice; user already holds guest.
  std::vector<double> ticks;
  for (const std::string& word : split(text.substr(0, text.find('\n')), ' '))
    if (const auto value = parse_number<std::uint64_t>(word)) ticks.push_back(static_cast<double>(*value));
  ticks.resize(std::max<std::size_t>(ticks.size(), 8));
  account.busy = (ticks[0] + ticks[1] + ticks[2] + ticks[5] + ticks[6]) / ticks_per_second;
  account.steal = ticks[7] / ticks_per_second;
  return account;
}

CpuAccount read_cpu_account() {
  const auto text = read_file("/proc/stat", std::uint64_t{16} << 20U);
  return parse_cpu_account(text ? *text : std::string(), now_seconds(), static_cast<double>(::sysconf(_SC_CLK_TCK)));
}

double foreign_share(const CpuAccount& begin, const CpuAccount& end, double own_cpu_seconds, int cores) {
  const double core_time = (end.at - begin.at) * std::max(cores, 1);
  if (core_time <= 0) return 0;
  const double taken = (end.busy - begin.busy) + (end.steal - begin.steal) - own_cpu_seconds;
  return std::clamp(taken / core_time, 0.0, 1.0);
}

}  // namespace speedster::hardware
