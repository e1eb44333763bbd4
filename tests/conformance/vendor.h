/// Where the vendor's library of a plug-in lies. A vendor that is not there fails the suite: nothing is skipped.
#pragma once
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

namespace speedster::conformance {

/// In this order: `given`, the variable SPEEDSTER_<NAME>_LIBRARY, the toolchain's environment. Empty where the
/// description names no vendor; exits with the places looked at where it names one that is not there.
std::string find_vendor(const std::string& backend, const nlohmann::json& description, const std::string& given);

}  // namespace speedster::conformance
