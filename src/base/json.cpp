#include "base/json.h"

#include <cmath>
#include <set>

namespace speedster {
namespace {

constexpr int kMaxDepth = 100;

Error wrong(std::string_view who, const char* key, std::string_view expected, const Json* got) {
  return {ErrorKind::kCorrupt, "[" + std::string(who) + "] expected " + std::string(expected) + " under \"" + key +
                                   "\", got " + (got == nullptr ? "nothing" : got->type_name())};
}

const Json* member(const Json& object, const char* key) {
  if (!object.is_object()) return nullptr;
  const auto it = object.find(key);
  return it == object.end() ? nullptr : &*it;
}

}  // namespace

Result<Json> parse_json(std::string_view text, std::string_view who) {
  bool too_deep = false;
  std::string duplicate;
  std::vector<std::set<std::string>> keys;
  const Json::parser_callback_t watch = [&](int depth, Json::parse_event_t event, Json& parsed) {
    if (depth > kMaxDepth) too_deep = true;
    if (event == Json::parse_event_t::object_start) keys.emplace_back();
    if (event == Json::parse_event_t::object_end && !keys.empty()) keys.pop_back();
    if (event == Json::parse_event_t::key && !keys.empty() && !keys.back().insert(parsed.get<std::string>()).second)
      duplicate = parsed.get<std::string>();
    return !too_deep;
  };
  // Depth is bounded before the recursive destructor can meet it.
  int depth = 0;
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted) {
      if (c == '\\')
        ++i;
      else if (c == '"')
        quoted = false;
    } else if (c == '"')
      quoted = true;
    else if (c == '{' || c == '[')
      too_deep = too_deep || ++depth > kMaxDepth;
    else if (c == '}' || c == ']')
      --depth;
  }
  if (too_deep)
    return Error(ErrorKind::kCorrupt,
                 "[" + std::string(who) + "] expected JSON of at most 100 levels, got a deeper one");
  Json json = Json::parse(text, watch, /*allow_exceptions=*/false);
  if (json.is_discarded())
    return Error(ErrorKind::kCorrupt, "[" + std::string(who) + "] expected well-formed JSON, got something else");
  if (!duplicate.empty())
    return Error(ErrorKind::kCorrupt,
                 "[" + std::string(who) + "] expected distinct keys, got \"" + duplicate + "\" twice");
  return json;
}

Result<std::string> json_string(const Json& object, const char* key, std::string_view who) {
  const Json* found = member(object, key);
  if (found == nullptr || !found->is_string()) return wrong(who, key, "a string", found);
  return found->get<std::string>();
}

Result<std::int64_t> json_int(const Json& object, const char* key, std::string_view who) {
  const Json* found = member(object, key);
  if (found == nullptr || !found->is_number_integer()) return wrong(who, key, "an integer", found);
  if (found->is_number_unsigned() && found->get<std::uint64_t>() > static_cast<std::uint64_t>(INT64_MAX))
    return wrong(who, key, "an integer below 2^63", found);
  return found->get<std::int64_t>();
}

Result<double> json_number(const Json& object, const char* key, std::string_view who) {
  const Json* found = member(object, key);
  if (found == nullptr || !found->is_number()) return wrong(who, key, "a number", found);
  return found->get<double>();
}

Result<bool> json_bool(const Json& object, const char* key, std::string_view who) {
  const Json* found = member(object, key);
  if (found == nullptr || !found->is_boolean()) return wrong(who, key, "true or false", found);
  return found->get<bool>();
}

Result<const Json*> json_array(const Json& object, const char* key, std::string_view who) {
  const Json* found = member(object, key);
  if (found == nullptr || !found->is_array()) return wrong(who, key, "an array", found);
  return found;
}

Result<const Json*> json_object(const Json& object, const char* key, std::string_view who) {
  const Json* found = member(object, key);
  if (found == nullptr || !found->is_object()) return wrong(who, key, "an object", found);
  return found;
}

Result<std::vector<std::string>> json_strings(const Json& object, const char* key, std::string_view who) {
  SPEEDSTER_ASSIGN(const Json* array, json_array(object, key, who));
  std::vector<std::string> texts;
  for (const Json& item : *array) {
    if (!item.is_string()) return wrong(who, key, "strings", &item);
    texts.push_back(item.get<std::string>());
  }
  return texts;
}

Json json_from_number(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }

std::string to_text(const Json& json, int indent) {
  return json.dump(indent, ' ', false, Json::error_handler_t::replace);
}

}  // namespace speedster
