/// The options of the reference backend: those of every backend, and the faults, delays and noise of a test double.
#pragma once
#include "support/describe.h"
#include "support/options.h"

namespace speedster::reference {

inline constexpr const char* kWho = "reference";

const plugin::OptionTable& option_table();
const plugin::Description& description();

}  // namespace speedster::reference
