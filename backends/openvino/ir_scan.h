/// What the plug-in needs to know of an OpenVINO IR (model.xml) beside its vendor: names, stored types, and which
/// outputs have a shape that depends on the input's values. A small scanner of the XML's tags; hostile input.
#pragma once
#include <filesystem>
#include <set>
#include <string>
#include <vector>

namespace speedster::openvino {

struct IrScan {
  std::vector<bool> value_dependent;     ///< for each Result, in order; what cannot be told counts as yes
  std::set<std::string> constant_types;  ///< element types of constants: "f32", "f16", "i8", …
  bool free_axes = false;                ///< an input has an axis without a fixed extent
  bool has_state = false;                ///< ReadValue / Assign
};

/// Failures: SP_NOT_FOUND, SP_INVALID (no IR, or a missing weights file).
IrScan scan_ir(const std::filesystem::path& xml);
/// model.bin beside model.xml.
std::filesystem::path weights_of(const std::filesystem::path& xml);

}  // namespace speedster::openvino
