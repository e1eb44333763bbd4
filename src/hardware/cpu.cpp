#include "hardware/cpu.h"

#include <sched.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <memory>

#include "base/digest.h"
#include "base/files.h"
#include "base/text.h"
#include "hardware/cgroup.h"
#include "hardware/cpuinfo.h"

namespace speedster::hardware {
namespace {

constexpr std::uint64_t kGiB = std::uint64_t{1} << 30U;

/// Processors in the affinity mask; 0 if the kernel does not say.
int affinity_cores() {
  // The kernel's mask may be larger than cpu_set_t (1024 processors): grow until it fits.
  for (int capacity = CPU_SETSIZE; capacity <= 1 << 16; capacity *= 2) {
    const std::unique_ptr<cpu_set_t, void (*)(cpu_set_t*)> set(CPU_ALLOC(capacity), [](cpu_set_t* s) { CPU_FREE(s); });
    const std::size_t bytes = CPU_ALLOC_SIZE(capacity);
    if (::sched_getaffinity(0, bytes, set.get()) == 0) return CPU_COUNT_S(bytes, set.get());
  }
  return 0;
}

/// A field in kB of /proc/meminfo or a status file, in bytes; 0 where it is not there.
std::uint64_t memory_field(const char* file, std::string_view key) {
  const auto text = read_file(file, kGiB >> 10U);
  if (!text) return 0;
  for (const std::string& line : split(*text, '\n')) {
    if (!line.starts_with(key) || line.size() <= key.size() || line[key.size()] != ':') continue;
    const std::string_view value = trim(std::string_view(line).substr(key.size() + 1));
    return parse_number<std::uint64_t>(value.substr(0, value.find(' '))).value_or(0) * 1024;
  }
  return 0;
}

}  // namespace

// "bf16", "asimddp" and their like are ARM's names; its dot products do not saturate either.
std::string Machine::vnni() const {
  for (const char* name : {"avx512_vnni", "avx_vnni", "amx_int8", "i8mm", "asimddp"})
    if (isa.contains(name)) return name;
  return "";
}
std::string Machine::bf16() const {
  for (const char* name : {"avx512_bf16", "amx_bf16", "bf16"})
    if (isa.contains(name)) return name;
  return "";
}
bool Machine::has_fp16() const {
  return std::ranges::any_of(std::initializer_list<const char*>{"avx512_fp16", "amx_fp16", "asimdhp"},
                             [this](const char* name) { return isa.contains(name); });
}

Machine probe(const IsaSet& hide) {
  const auto text = read_file("/proc/cpuinfo", std::uint64_t{64} << 20U);
  Machine machine = parse_cpuinfo(text ? *text : std::string());
  utsname names{};
  ::uname(&names);
  machine.system = std::string("linux-") + names.machine;
  // /proc/cpuinfo lists what is online now; a machine without it still has processors.
  if (machine.cores == 0) machine.cores = static_cast<int>(std::max(::sysconf(_SC_NPROCESSORS_ONLN), 1L));
  const CgroupLimits limits = read_cgroup_limits();
  const int allowed = affinity_cores();
  machine.usable_cores = allowed > 0 ? std::min(allowed, machine.cores) : machine.cores;
  // Half a core of quota still runs one thread; 2.5 cores would throttle the third.
  if (limits.cores) machine.usable_cores = std::min(machine.usable_cores, static_cast<int>(std::floor(*limits.cores)));
  machine.usable_cores = std::max(machine.usable_cores, 1);
  machine.memory_bytes = memory_field("/proc/meminfo", "MemTotal");
  if (limits.memory_bytes) machine.memory_bytes = std::min(machine.memory_bytes, *limits.memory_bytes);
  for (const std::string& name : hide) machine.isa.erase(name);
  return machine;
}

std::string fingerprint(const Machine& machine) {
  Sha256 digest;
  digest.field("speedster machine 1").field(machine.system).field(machine.model).field(machine.vendor);
  for (const int number : {machine.family, machine.model_number, machine.stepping, machine.cores, machine.usable_cores})
    digest.field(std::to_string(number));
  // A new kernel changes MemTotal by a few pages; that is not another machine.
  digest.field(std::to_string((machine.memory_bytes + kGiB - 1) / kGiB));
  for (const std::string& name : machine.isa) digest.field(name);
  return digest.hex();
}

Json to_json(const Machine& machine) {
  Json json;
  json["system"] = machine.system;
  json["model"] = machine.model;
  json["vendor"] = machine.vendor;
  json["family"] = machine.family;
  json["model_number"] = machine.model_number;
  json["stepping"] = machine.stepping;
  json["codename"] = machine.codename;
  json["cores"] = machine.cores;
  json["usable_cores"] = machine.usable_cores;
  json["memory_bytes"] = machine.memory_bytes;
  json["isa"] = machine.isa;
  return json;
}

std::uint64_t available_memory() {
  std::uint64_t available = memory_field("/proc/meminfo", "MemAvailable");
  if (const auto bound = read_cgroup_limits().memory_available) available = std::min(available, *bound);
  return available;
}

std::uint64_t peak_memory() { return memory_field("/proc/self/status", "VmHWM"); }

}  // namespace speedster::hardware
