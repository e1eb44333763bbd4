/// Reads the protobuf wire format from memory that nobody vouches for: every length is checked before it is used.
#pragma once
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "support/error.h"

namespace speedster::reference {

/// Walks the fields of one message. Usage: while (reader.next()) switch (reader.field()) { … }; fields that nobody asks
/// about are skipped.
class WireReader {
 public:
  explicit WireReader(std::string_view bytes) : rest_(bytes) {}

  /// Goes to the next field; false at the end.
  bool next() {
    if (rest_.empty()) return false;
    const std::uint64_t tag = varint(rest_);
    field_ = static_cast<std::uint32_t>(tag >> 3U);
    wire_ = static_cast<unsigned>(tag & 7U);
    if (field_ == 0 || tag >> 32U != 0) corrupt("a field number");
    switch (wire_) {
      case 0: number_ = varint(rest_); break;
      case 1: payload_ = take(8); break;
      case 2: payload_ = take(varint(rest_)); break;
      case 5: payload_ = take(4); break;
      default: corrupt("a wire type of 0, 1, 2 or 5");
    }
    return true;
  }
  std::uint32_t field() const { return field_; }

  std::int64_t integer() const {
    if (wire_ != 0) corrupt("a varint");
    return static_cast<std::int64_t>(number_);
  }
  /// Strings, bytes and nested messages.
  std::string_view text() const {
    if (wire_ != 2) corrupt("a length-delimited field");
    return payload_;
  }
  float real() const { return fixed<float>(5); }

  /// Repeated numbers, packed or not: f(value) for each.
  template <typename F>
  void integers(F&& f) const {
    if (wire_ == 0) return f(static_cast<std::int64_t>(number_));
    for (std::string_view rest = text(); !rest.empty();) f(static_cast<std::int64_t>(varint(rest)));
  }
  template <typename T, typename F>
  void reals(F&& f) const {
    if (wire_ != 2) return f(fixed<T>(sizeof(T) == 4 ? 5 : 1));
    if (payload_.size() % sizeof(T) != 0) corrupt("whole packed numbers");
    for (std::size_t i = 0; i < payload_.size(); i += sizeof(T)) {
      T value;
      std::memcpy(&value, payload_.data() + i, sizeof(T));
      f(value);
    }
  }

 private:
  [[noreturn]] static void corrupt(const char* expected) {
    throw plugin::Failure(
        SP_INVALID,
        std::string("[reference] expected an ONNX model with ") + expected +
            ", got other bytes; try to export the model again (the file is corrupt, truncated or not ONNX)");
  }
  static std::uint64_t varint(std::string_view& rest) {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && !rest.empty(); shift += 7) {
      const auto byte = static_cast<unsigned char>(rest.front());
      rest.remove_prefix(1);
      value |= static_cast<std::uint64_t>(byte & 0x7FU) << shift;
      if (byte < 0x80) return value;
    }
    corrupt("varints that end");
  }
  std::string_view take(std::uint64_t length) {
    if (length > rest_.size()) corrupt("fields that end inside the file");
    const std::string_view taken = rest_.substr(0, length);
    rest_.remove_prefix(length);
    return taken;
  }
  template <typename T>
  T fixed(unsigned wire) const {
    if (wire_ != wire) corrupt("a fixed-size number");
    T value;
    std::memcpy(&value, payload_.data(), sizeof(T));
    return value;
  }

  std::string_view rest_, payload_;
  std::uint32_t field_ = 0;
  unsigned wire_ = 0;
  std::uint64_t number_ = 0;
};

}  // namespace speedster::reference
