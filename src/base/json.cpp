#include "base/json.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <set>

namespace speedster {
namespace {

constexpr int kMaxDepth = 100;
/// An ordered object looks through all of its members for one: no reader should meet a million.
constexpr std::uint32_t kMaxMembers = 65536;

Error wrong(std::string_view who, const char* key, std::string_view expected, const Json* got) {
  return {ErrorKind::kCorrupt, "[" + std::string(who) + "] expected " + std::string(expected) + " under \"" + key +
                                   "\", got " + (got == nullptr ? "nothing" : got->type_name())};
}

const Json* member(const Json& object, const char* key) {
  if (!object.is_object()) return nullptr;
  const auto it = object.find(key);
  return it == object.end() ? nullptr : &*it;
}

/// Builds the tree event by event. The library's own builder looks for each new key among all of its object's members,
/// which takes minutes for a file of large objects.
class TreeBuilder final : public nlohmann::json_sax<Json> {
 public:
  Json root;
  std::optional<std::string> duplicate;

  bool null() override { return add(nullptr); }
  bool boolean(bool value) override { return add(value); }
  bool number_integer(std::int64_t value) override { return add(value); }
  bool number_unsigned(std::uint64_t value) override { return add(value); }
  bool number_float(double value, const std::string&) override { return add(value); }
  bool string(std::string& value) override { return add(std::move(value)); }
  bool binary(binary_t&) override { return false; }
  bool start_object(std::size_t) override {
    keys_.emplace_back();
    open_.push_back(&place(Json::object()));
    return true;
  }
  bool key(std::string& name) override {
    key_ = name;
    if (keys_.back().insert(std::move(name)).second) return true;
    duplicate = key_;
    return false;
  }
  bool end_object() override {
    keys_.pop_back();
    return end_array();
  }
  bool start_array(std::size_t) override {
    open_.push_back(&place(Json::array()));
    return true;
  }
  bool end_array() override {
    open_.pop_back();
    return true;
  }
  bool parse_error(std::size_t, const std::string&, const Json::exception&) override { return false; }

 private:
  bool add(Json value) {
    place(std::move(value));
    return true;
  }
  /// Where the value then is; it stays there until its object or array gets another member.
  Json& place(Json value) {
    if (open_.empty()) return root = std::move(value);
    Json& parent = *open_.back();
    if (parent.is_array()) return parent.emplace_back(std::move(value));
    auto& members = parent.get_ref<Json::object_t&>();
    return members.emplace_back(std::move(key_), std::move(value)).second;
  }

  std::vector<Json*> open_;
  std::vector<std::set<std::string>> keys_;
  std::string key_;
};

}  // namespace

Result<Json> parse_json(std::string_view text, std::string_view who) {
  bool too_deep = false;
  // Depth is bounded before the recursive destructor can meet it, members before a reader can. Up to the
  // first error of the syntax, which ends the parser too, a colon outside of a string is a member of the innermost
  // object.
  int depth = 0;
  bool quoted = false;
  std::array<std::uint32_t, kMaxDepth + 1> members{};
  std::uint32_t most_members = 0;
  for (std::size_t i = 0; i < text.size() && !too_deep; ++i) {
    const char c = text[i];
    if (quoted) {
      if (c == '\\')
        ++i;
      else if (c == '"')
        quoted = false;
    } else if (c == '"')
      quoted = true;
    else if (c == '{' || c == '[') {
      too_deep = ++depth > kMaxDepth;
      if (!too_deep) members[static_cast<std::size_t>(depth)] = 0;
    } else if (c == '}' || c == ']')
      depth = std::max(depth - 1, 0);
    else if (c == ':')
      most_members = std::max(most_members, ++members[static_cast<std::size_t>(depth)]);
  }
  if (too_deep)
    return Error(ErrorKind::kCorrupt,
                 "[" + std::string(who) + "] expected JSON of at most 100 levels, got a deeper one");
  if (most_members > kMaxMembers)
    return Error(ErrorKind::kCorrupt, "[" + std::string(who) + "] expected JSON objects of at most " +
                                          std::to_string(kMaxMembers) + " members, got " +
                                          std::to_string(most_members));
  TreeBuilder tree;
  if (Json::sax_parse(text, &tree)) return std::move(tree.root);
  if (tree.duplicate)
    return Error(ErrorKind::kCorrupt,
                 "[" + std::string(who) + "] expected distinct keys, got \"" + *tree.duplicate + "\" twice");
  return Error(ErrorKind::kCorrupt, "[" + std::string(who) + "] expected well-formed JSON, got something else");
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
