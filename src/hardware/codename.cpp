#include <algorithm>
#include <array>
#include <cstdint>

#include "hardware/cpuinfo.h"

namespace speedster::hardware {
namespace {

struct Range {
  int family, first_model, last_model;
  std::string_view name;
};

// AMD: the model ranges of bsp_init_amd() in Linux, arch/x86/kernel/cpu/amd.c.
constexpr std::array kAmd = {
    Range{0x17, 0x00, 0x2f, "Zen"},   Range{0x17, 0x50, 0x5f, "Zen"},   Range{0x17, 0x30, 0x4f, "Zen 2"},
    Range{0x17, 0x60, 0x7f, "Zen 2"}, Range{0x17, 0x90, 0x91, "Zen 2"}, Range{0x17, 0xa0, 0xaf, "Zen 2"},
    Range{0x19, 0x00, 0x0f, "Zen 3"}, Range{0x19, 0x20, 0x5f, "Zen 3"}, Range{0x19, 0x10, 0x1f, "Zen 4"},
    Range{0x19, 0x60, 0xaf, "Zen 4"}, Range{0x1a, 0x00, 0x2f, "Zen 5"}, Range{0x1a, 0x40, 0x4f, "Zen 5"},
    Range{0x1a, 0x60, 0x7f, "Zen 5"}, Range{0x1a, 0x50, 0x5f, "Zen 6"}, Range{0x1a, 0x80, 0xaf, "Zen 6"},
    Range{0x1a, 0xc0, 0xcf, "Zen 6"},
};

// Intel: Linux, arch/x86/include/asm/intel-family.h. Model 0x55 is told apart by its stepping, below.
constexpr std::array kIntel = {
    Range{6, 0x3c, 0x3c, "Haswell"},        Range{6, 0x3f, 0x3f, "Haswell"},
    Range{6, 0x45, 0x46, "Haswell"},        Range{6, 0x3d, 0x3d, "Broadwell"},
    Range{6, 0x47, 0x47, "Broadwell"},      Range{6, 0x4f, 0x4f, "Broadwell"},
    Range{6, 0x56, 0x56, "Broadwell"},      Range{6, 0x4e, 0x4e, "Skylake"},
    Range{6, 0x5e, 0x5e, "Skylake"},        Range{6, 0x8e, 0x8e, "Kaby Lake"},
    Range{6, 0x9e, 0x9e, "Kaby Lake"},      Range{6, 0xa5, 0xa6, "Comet Lake"},
    Range{6, 0x6a, 0x6a, "Ice Lake"},       Range{6, 0x6c, 0x6c, "Ice Lake"},
    Range{6, 0x7d, 0x7e, "Ice Lake"},       Range{6, 0x8c, 0x8d, "Tiger Lake"},
    Range{6, 0xa7, 0xa7, "Rocket Lake"},    Range{6, 0x97, 0x97, "Alder Lake"},
    Range{6, 0x9a, 0x9a, "Alder Lake"},     Range{6, 0xb7, 0xb7, "Raptor Lake"},
    Range{6, 0xba, 0xba, "Raptor Lake"},    Range{6, 0xbf, 0xbf, "Raptor Lake"},
    Range{6, 0xaa, 0xaa, "Meteor Lake"},    Range{6, 0xac, 0xac, "Meteor Lake"},
    Range{6, 0xbd, 0xbd, "Lunar Lake"},     Range{6, 0xb5, 0xb5, "Arrow Lake"},
    Range{6, 0xc5, 0xc6, "Arrow Lake"},     Range{6, 0x8f, 0x8f, "Sapphire Rapids"},
    Range{6, 0xcf, 0xcf, "Emerald Rapids"}, Range{6, 0xad, 0xae, "Granite Rapids"},
    Range{6, 0xaf, 0xaf, "Sierra Forest"},
};

// ARM: implementer and part of MIDR_EL1, Linux, arch/arm64/include/asm/cputype.h.
constexpr std::array kArm = {
    Range{0x41, 0xd08, 0xd08, "Cortex-A72"},  Range{0x41, 0xd0b, 0xd0b, "Cortex-A76"},
    Range{0x41, 0xd0c, 0xd0c, "Neoverse N1"}, Range{0x41, 0xd40, 0xd40, "Neoverse V1"},
    Range{0x41, 0xd49, 0xd49, "Neoverse N2"}, Range{0x41, 0xd4f, 0xd4f, "Neoverse V2"},
    Range{0x41, 0xd84, 0xd84, "Neoverse V3"}, Range{0x41, 0xd8e, 0xd8e, "Neoverse N3"},
    Range{0xc0, 0xac3, 0xac3, "AmpereOne"},
};

template <std::size_t kSize>
std::string_view find(const std::array<Range, kSize>& ranges, int family, int model) {
  const auto it = std::find_if(ranges.begin(), ranges.end(), [&](const Range& range) {
    return range.family == family && model >= range.first_model && model <= range.last_model;
  });
  return it == ranges.end() ? std::string_view{} : it->name;
}

}  // namespace

std::string_view codename(std::string_view vendor, int family, int model, int stepping) {
  if (vendor == "AuthenticAMD") return find(kAmd, family, model);
  if (vendor == "GenuineIntel") {
    // Three generations of servers share a model number.
    if (family == 6 && model == 0x55)
      return stepping >= 10 ? "Cooper Lake" : stepping >= 5 ? "Cascade Lake" : "Skylake";
    return find(kIntel, family, model);
  }
  return find(kArm, family, model);
}

}  // namespace speedster::hardware
