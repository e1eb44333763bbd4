/// The part of JSON Schema 2020-12 that our schemas use: type, enum, const, required, properties, additionalProperties,
/// items, minimum and $ref into $defs. A keyword that it does not know is an error, so that no rule is passed over in
/// silence.
#pragma once
#include <set>
#include <string>
#include <vector>

#include "base/json.h"

namespace speedster::test {

class SchemaCheck {
 public:
  explicit SchemaCheck(const Json& schema) : root_(schema) {}

  /// What does not hold, each with its place; empty if the document is valid.
  std::vector<std::string> errors(const Json& document) {
    errors_.clear();
    check(root_, document, "$");
    return errors_;
  }

 private:
  static bool has_type(const Json& value, const std::string& type) {
    if (type == "number") return value.is_number();
    if (type == "integer") return value.is_number_integer();
    if (type == "string") return value.is_string();
    if (type == "boolean") return value.is_boolean();
    if (type == "null") return value.is_null();
    if (type == "array") return value.is_array();
    return type == "object" && value.is_object();
  }
  void fail(const std::string& place, const std::string& what) { errors_.push_back(place + ": " + what); }

  void check(const Json& schema, const Json& value, const std::string& place) {
    static const std::set<std::string> kKnown = {
        "$schema", "$id",   "$defs",    "title",      "description", "$ref",    "type",
        "enum",    "const", "required", "properties", "items",       "minimum", "additionalProperties"};
    for (const auto& item : schema.items())
      if (!kKnown.contains(item.key())) fail(place, "keyword " + item.key() + " is not known to this check");
    if (schema.contains("$ref")) {
      const std::string name = schema["$ref"].get<std::string>();
      check(root_["$defs"].at(name.substr(std::string("#/$defs/").size())), value, place);
    }
    if (schema.contains("type")) {
      const Json types = schema["type"].is_array() ? schema["type"] : Json::array({schema["type"]});
      bool any = false;
      for (const Json& type : types) any = any || has_type(value, type.get<std::string>());
      if (!any) return fail(place, "expected " + types.dump() + ", got " + value.type_name());
    }
    if (schema.contains("const") && schema["const"] != value) fail(place, "expected " + schema["const"].dump());
    if (schema.contains("enum")) {
      bool any = false;
      for (const Json& allowed : schema["enum"]) any = any || allowed == value;
      if (!any) fail(place, "expected one of " + schema["enum"].dump() + ", got " + value.dump());
    }
    if (schema.contains("minimum") && value.is_number() && value < schema["minimum"]) fail(place, "below the minimum");
    if (value.is_object()) check_members(schema, value, place);
    if (value.is_array() && schema.contains("items"))
      for (std::size_t i = 0; i < value.size(); ++i)
        check(schema["items"], value[i], place + "[" + std::to_string(i) + "]");
  }

  void check_members(const Json& schema, const Json& value, const std::string& place) {
    if (schema.contains("required"))
      for (const Json& key : schema["required"])
        if (!value.contains(key.get<std::string>())) fail(place, "expected the key " + key.dump());
    for (const auto& item : value.items()) {
      const std::string at = place + "." + item.key();
      if (schema.contains("properties") && schema["properties"].contains(item.key()))
        check(schema["properties"][item.key()], item.value(), at);
      else if (schema.contains("additionalProperties") && schema["additionalProperties"].is_object())
        check(schema["additionalProperties"], item.value(), at);
      else if (schema.contains("properties"))
        fail(at, "is written but not described");
    }
  }

  Json root_;
  std::vector<std::string> errors_;
};

}  // namespace speedster::test
