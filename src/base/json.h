/// JSON as values (nlohmann-json) with typed look-ups that fail as values and bounds for hostile text.
#pragma once
#include <speedster/error.h>

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace speedster {

/// Keys keep their order, so that what we write reads in the order in which it was composed.
using Json = nlohmann::ordered_json;

/// Refuses malformed text, more than 100 levels, more than 65536 members of an object and duplicate keys. `who` names
/// the stage in the message.
Result<Json> parse_json(std::string_view text, std::string_view who);

/// A member of an object: kind corrupt if it is missing or of another type; the message names the key.
Result<std::string> json_string(const Json& object, const char* key, std::string_view who);
Result<std::int64_t> json_int(const Json& object, const char* key, std::string_view who);
Result<double> json_number(const Json& object, const char* key, std::string_view who);
Result<bool> json_bool(const Json& object, const char* key, std::string_view who);
/// The array or object under `key`.
Result<const Json*> json_array(const Json& object, const char* key, std::string_view who);
Result<const Json*> json_object(const Json& object, const char* key, std::string_view who);
Result<std::vector<std::string>> json_strings(const Json& object, const char* key, std::string_view who);

/// NaN and infinity become null, as JSON has no word for them.
Json json_from_number(double value);
/// Text without a trailing newline; invalid UTF-8 is replaced.
std::string to_text(const Json& json, int indent = -1);

}  // namespace speedster
