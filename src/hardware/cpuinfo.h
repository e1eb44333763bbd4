/// The processor as /proc/cpuinfo tells it. A function of the text, so that machines we do not have can be tested.
#pragma once
#include <string>
#include <string_view>

#include "hardware/cpu.h"

namespace speedster::hardware {

/// Fills system-independent fields: model, vendor, family, model_number, stepping, codename, cores, isa.
/// Understands x86 ("flags") and ARM ("Features", implementer and part); what a text lacks stays empty or 0.
Machine parse_cpuinfo(std::string_view text);

/// "Zen 3", "Sapphire Rapids", "Neoverse N1": from the numbers, since virtual machines hide the name. Empty if not
/// known. For ARM, family is the implementer and model the part.
std::string_view codename(std::string_view vendor, int family, int model, int stepping);

}  // namespace speedster::hardware
