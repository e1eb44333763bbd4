/// Checks JSON against the part of JSON Schema 2020-12 that our schemas use: type, enum, const, required, properties,
/// patternProperties, additionalProperties, propertyNames, items, minItems, maxItems, minLength, maxLength, minimum,
/// maximum, pattern, anyOf, $ref within the document. A keyword that is none of these and no annotation is an error of
/// the schema, so that nothing is silently left unchecked.
#pragma once
#include <algorithm>
#include <optional>
#include <regex>
#include <set>
#include <string>

#include "base/json.h"

namespace speedster::test {

class JsonSchema {
 public:
  /// `closed`: a key of an object whose properties are listed must be among them, where the schema does not say else.
  explicit JsonSchema(Json root, bool closed = false) : root_(std::move(root)), closed_(closed) {}

  /// Nothing if `value` is valid, else the place and the reason.
  std::optional<std::string> check(const Json& value) const { return check(value, root_, "$"); }

 private:
  using Answer = std::optional<std::string>;

  static bool has_type(const Json& value, const std::string& type) {
    if (type == "object") return value.is_object();
    if (type == "array") return value.is_array();
    if (type == "string") return value.is_string();
    if (type == "boolean") return value.is_boolean();
    if (type == "null") return value.is_null();
    if (type == "number") return value.is_number();
    if (type == "integer")
      return value.is_number_integer() ||
             (value.is_number_float() && value.get<double>() == static_cast<double>(value.get<std::int64_t>()));
    return false;
  }

  static bool matches(const std::string& text, const Json& pattern) {
    return std::regex_search(text, std::regex(pattern.get<std::string>(), std::regex::ECMAScript));
  }

  Answer check(const Json& value, const Json& schema, const std::string& at) const {
    if (schema.is_boolean()) return schema.get<bool>() ? Answer() : at + ": not allowed";
    for (const auto& [keyword, rule] : schema.items())
      if (Answer wrong = check_keyword(value, schema, keyword, rule, at)) return wrong;
    return std::nullopt;
  }

  Answer check_keyword(const Json& value, const Json& schema, const std::string& keyword, const Json& rule,
                       const std::string& at) const {
    static const std::set<std::string> kAnnotations = {"$schema", "$id",         "$defs",    "$comment",
                                                       "title",   "description", "examples", "default"};
    auto no = [&](const std::string& why) { return Answer(at + ": " + why + " (" + keyword + ")"); };
    const auto length = value.is_string() ? value.get_ref<const std::string&>().size() : 0;
    if (kAnnotations.contains(keyword)) return std::nullopt;
    if (keyword == "$ref") return check(value, root_.at(Json::json_pointer(rule.get<std::string>().substr(1))), at);
    if (keyword == "type") {
      const Json types = rule.is_array() ? rule : Json::array({rule});
      const bool fits =
          std::any_of(types.begin(), types.end(), [&](const Json& t) { return has_type(value, t.get<std::string>()); });
      return fits ? Answer() : no("expected " + rule.dump() + ", got " + value.type_name());
    }
    if (keyword == "enum")
      return std::find(rule.begin(), rule.end(), value) != rule.end() ? Answer() : no(value.dump());
    if (keyword == "const") return value == rule ? Answer() : no(value.dump());
    if (keyword == "anyOf") {
      for (const Json& one : rule)
        if (!check(value, one, at)) return std::nullopt;
      return no("none fits");
    }
    if (keyword == "required") {
      for (const Json& key : rule)
        if (value.is_object() && !value.contains(key.get<std::string>())) return no("no " + key.dump());
      return std::nullopt;
    }
    if (keyword == "properties" || keyword == "patternProperties" || keyword == "additionalProperties" ||
        keyword == "propertyNames")
      return value.is_object() ? check_members(value, schema, keyword, rule, at) : Answer();
    if (keyword == "items") {
      for (std::size_t i = 0; value.is_array() && i < value.size(); ++i)
        if (Answer wrong = check(value[i], rule, at + "[" + std::to_string(i) + "]")) return wrong;
      return std::nullopt;
    }
    if (keyword == "minItems")
      return !value.is_array() || value.size() >= rule.get<std::size_t>() ? Answer() : no("too few");
    if (keyword == "maxItems")
      return !value.is_array() || value.size() <= rule.get<std::size_t>() ? Answer() : no("too many");
    if (keyword == "minLength")
      return !value.is_string() || length >= rule.get<std::size_t>() ? Answer() : no("too short");
    if (keyword == "maxLength")
      return !value.is_string() || length <= rule.get<std::size_t>() ? Answer() : no("too long");
    if (keyword == "minimum")
      return !value.is_number() || value.get<double>() >= rule.get<double>() ? Answer() : no(value.dump());
    if (keyword == "maximum")
      return !value.is_number() || value.get<double>() <= rule.get<double>() ? Answer() : no(value.dump());
    if (keyword == "pattern")
      return !value.is_string() || matches(value.get<std::string>(), rule) ? Answer() : no(value.dump());
    return no("a keyword that this checker does not know");
  }

  Answer check_members(const Json& value, const Json& schema, const std::string& keyword, const Json& rule,
                       const std::string& at) const {
    for (const auto& [key, member] : value.items()) {
      const std::string place = at + "." + key;
      const bool named = schema.contains("properties") && schema["properties"].contains(key);
      bool by_pattern = false;
      if (schema.contains("patternProperties"))
        for (const auto& [pattern, unused] : schema["patternProperties"].items())
          by_pattern = by_pattern || matches(key, pattern);
      Answer wrong;
      if (keyword == "properties" && named) wrong = check(member, rule[key], place);
      if (keyword == "properties" && closed_ && !named && !by_pattern && !schema.contains("additionalProperties"))
        wrong = place + ": is written but not described";
      if (keyword == "patternProperties")
        for (const auto& [pattern, one] : rule.items())
          if (!wrong && matches(key, pattern)) wrong = check(member, one, place);
      if (keyword == "additionalProperties" && !named && !by_pattern) wrong = check(member, rule, place);
      if (keyword == "propertyNames") wrong = check(Json(key), rule, place);
      if (wrong) return wrong;
    }
    return std::nullopt;
  }

  Json root_;
  bool closed_;
};

}  // namespace speedster::test
