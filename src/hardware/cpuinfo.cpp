#include "hardware/cpuinfo.h"

#include <array>
#include <charconv>

#include "base/text.h"

namespace speedster::hardware {
namespace {

// What kernels are chosen by; the names are the kernel's own, on x86 and on ARM.
constexpr std::array<std::string_view, 32> kKnown = {
    "sse4_2",         "avx",         "avx2",        "fma",      "f16c",
    "avx512f",        "avx512cd",    "avx512dq",    "avx512bw", "avx512vl",
    "avx512ifma",     "avx512vbmi",  "avx512_vnni", "avx_vnni", "avx_vnni_int8",
    "avx_ne_convert", "avx512_bf16", "avx512_fp16", "amx_tile", "amx_int8",
    "amx_bf16",       "amx_fp16",    "asimd",       "asimdhp",  "asimddp",
    "bf16",           "i8mm",        "sve",         "svei8mm",  "svebf16",
    "sve2",           "sme",
};

/// Decimal or 0x hexadecimal; 0 for anything else.
int number(std::string_view text) {
  const int base = text.starts_with("0x") ? 16 : 10;
  if (base == 16) text.remove_prefix(2);
  int value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value, base);
  return value;
}

std::string_view arm_vendor(int implementer) {
  switch (implementer) {
    case 0x41: return "ARM";
    case 0x46: return "Fujitsu";
    case 0x48: return "HiSilicon";
    case 0x4e: return "NVIDIA";
    case 0x51: return "Qualcomm";
    case 0x61: return "Apple";
    case 0xc0: return "Ampere";
    default: return {};
  }
}

}  // namespace

Machine parse_cpuinfo(std::string_view text) {
  Machine machine;
  bool arm = false;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    const std::string_view key = trim(line.substr(0, colon)), value = trim(line.substr(colon + 1));
    if (key == "processor") ++machine.cores;
    // The first processor stands for all: a program may be moved to any of them.
    if (machine.cores > 1) continue;
    if (key == "vendor_id")
      machine.vendor = value;
    else if (key == "model name")
      machine.model = value;
    else if (key == "cpu family")
      machine.family = number(value);
    else if (key == "model" || key == "CPU part")
      machine.model_number = number(value);
    else if (key == "stepping")
      machine.stepping = number(value);
    else if (key == "CPU implementer") {
      machine.family = number(value);
      arm = true;
    } else if (key == "flags" || key == "Features") {
      const std::vector<std::string> words = split(value, ' ');
      const std::set<std::string_view> flags(words.begin(), words.end());
      for (const std::string_view name : kKnown)
        if (flags.contains(name)) machine.isa.emplace(name);
    }
  }
  if (arm) machine.vendor = arm_vendor(machine.family);
  machine.codename = codename(machine.vendor, machine.family, machine.model_number, machine.stepping);
  if (machine.model.empty()) machine.model = machine.codename;
  return machine;
}

}  // namespace speedster::hardware
