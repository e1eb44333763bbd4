/// Writes JSON text; plug-ins speak JSON in describe, probe, compile, stats and profile.
#pragma once
#include <charconv>
#include <cmath>
#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>

namespace speedster::plugin {

/// `text` as a JSON string with its quotes. Bytes of 0x80 and above pass through (UTF-8 is expected).
inline std::string json_string(std::string_view text) {
  static constexpr char kHex[] = "0123456789abcdef";
  std::string out = "\"";
  for (const char c : text) {
    switch (c) {
      case '"': out += "\\\""; break;
      case '\\': out += "\\\\"; break;
      case '\n': out += "\\n"; break;
      case '\t': out += "\\t"; break;
      case '\r': out += "\\r"; break;
      default:
        if (static_cast<unsigned char>(c) < 0x20) {
          out += "\\u00";
          out += kHex[static_cast<unsigned char>(c) >> 4U];
          out += kHex[static_cast<unsigned char>(c) & 15U];
        } else {
          out += c;
        }
    }
  }
  return out += '"';
}

/// Builds one document; commas and quotes are its own affair.
///
///     JsonWriter json;
///     json.object().field("name", "reference").array("formats").item("onnx").end().end();
class JsonWriter {
 public:
  JsonWriter& object() { return open("", '{'); }
  JsonWriter& object(std::string_view key) { return open(prefix(key), '{'); }
  JsonWriter& array() { return open("", '['); }
  JsonWriter& array(std::string_view key) { return open(prefix(key), '['); }
  /// Closes the innermost object or array.
  JsonWriter& end() {
    text_ += closers_.back();
    closers_.pop_back();
    first_ = false;
    return *this;
  }

  template <typename T>
  JsonWriter& field(std::string_view key, const T& value) {
    return raw(prefix(key) + encode(value));
  }
  template <typename T>
  JsonWriter& item(const T& value) {
    return raw(encode(value));
  }
  /// A value that is JSON text already.
  JsonWriter& raw_field(std::string_view key, std::string_view json) { return raw(prefix(key) + std::string(json)); }

  const std::string& text() const { return text_; }

 private:
  static std::string prefix(std::string_view key) { return json_string(key) + ":"; }
  template <std::same_as<bool> T>  // a plain bool parameter would take string literals
  static std::string encode(T value) {
    return value ? "true" : "false";
  }
  static std::string encode(std::nullptr_t) { return "null"; }
  static std::string encode(std::string_view value) { return json_string(value); }
  template <typename T>
    requires(std::integral<T> && !std::same_as<T, bool>)
  static std::string encode(T value) {
    return std::to_string(value);
  }
  template <std::floating_point T>
  static std::string encode(T value) {
    if (!std::isfinite(value)) return "null";
    char buffer[40];
    const auto end = std::to_chars(buffer, buffer + sizeof(buffer), value).ptr;
    return {buffer, end};
  }
  JsonWriter& open(std::string_view key, char bracket) {
    raw(std::string(key) + bracket);
    closers_ += bracket == '{' ? '}' : ']';
    first_ = true;
    return *this;
  }
  JsonWriter& raw(std::string_view json) {
    if (!first_) text_ += ',';
    text_ += json;
    first_ = false;
    return *this;
  }

  std::string text_, closers_;
  bool first_ = true;
};

}  // namespace speedster::plugin
