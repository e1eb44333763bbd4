/// The options of the plug-in and what `describe` says.
#pragma once
#include <string>

#include "support/options.h"

namespace speedster::openvino {

const plugin::OptionTable& option_table();
std::string describe();

}  // namespace speedster::openvino
