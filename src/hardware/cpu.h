/// What this machine is: processor, instruction sets, cores that may be used, memory; and how busy it is.
#pragma once
#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace speedster::hardware {

/// Instruction sets by their field names, such as "sse4_2" "avx" "avx2" "fma" "f16c" "avx512f" "avx512bw" "avx512vl"
/// "avx512_vnni" "avx_vnni" "avx512_bf16" "avx512_fp16" "amx_tile" "amx_int8" "amx_bf16", on ARM "asimddp" "i8mm"
/// "sve".
using IsaSet = std::set<std::string, std::less<>>;

struct Machine {
  std::string system;  ///< "linux-x86_64"
  std::string model;   ///< "AMD EPYC …" as the kernel names it
  std::string vendor;  ///< "AuthenticAMD"
  int family = 0;
  int model_number = 0;
  int stepping = 0;
  std::string codename;  ///< "Zen 3", "Sapphire Rapids", … ; empty where not known
  int cores = 0;         ///< logical processors of the machine
  int usable_cores = 0;  ///< what affinity and the cgroup quota allow, at least 1
  std::uint64_t memory_bytes = 0;
  IsaSet isa;

  /// The instruction set that sums 8-bit products without saturation (VNNI in either encoding, AMX), by its name; empty
  /// where there is none.
  std::string vnni() const;
  bool has_vnni() const { return !vnni().empty(); }
  /// Its name for what multiplies in bfloat16; empty where there is nothing.
  std::string bf16() const;
  bool has_bf16() const { return !bf16().empty(); }
  bool has_fp16() const;
};

/// Reads /proc/cpuinfo, affinity, cgroup v1 and v2 quotas. `hide` holds instruction sets to leave out.
Machine probe(const IsaSet& hide = {});
/// 64 hex digits over all that a measurement or machine-made blob depends on.
std::string fingerprint(const Machine& machine);
Json to_json(const Machine& machine);

/// Memory that can be taken now without swapping (MemAvailable, bounded by the cgroup's limit).
std::uint64_t available_memory();
/// Most resident bytes that this process ever held (VmHWM). ru_maxrss is no measure of that: it begins with what
/// whoever started the process held.
std::uint64_t peak_memory();

/// A reading of the machine's CPU accounts; the difference of two says how much others took.
struct CpuAccount {
  double at = 0;    ///< seconds, monotonic
  double busy = 0;  ///< user + nice + system + irq seconds, all cores
  double steal = 0;
};
CpuAccount read_cpu_account();
/// The first line of /proc/stat.
CpuAccount parse_cpu_account(std::string_view text, double at, double ticks_per_second);
/// Share of the core time between the readings, 0 to 1, taken by steal and by processes other than ours,
/// which used `own_cpu_seconds` (children included). `cores` are all of the machine: the accounts are the machine's.
double foreign_share(const CpuAccount& begin, const CpuAccount& end, double own_cpu_seconds, int cores);

}  // namespace speedster::hardware
