/// Short names for combinations of texts.
#pragma once
#include <cstdint>
#include <sstream>
#include <string>
#include <string_view>

namespace speedster::plugin {

/// FNV-1a, 64 bits (Fowler, Noll & Vo), over fields that are kept apart.
class TextHash {
 public:
  TextHash& field(std::string_view text) {
    for (const char c : text) add(c);
    add('\0');
    return *this;
  }
  std::string hex() const {
    std::ostringstream text;
    text << std::hex << hash_;
    return text.str();
  }

 private:
  void add(char c) { hash_ = (hash_ ^ static_cast<unsigned char>(c)) * 1099511628211U; }
  std::uint64_t hash_ = 14695981039346656037U;
};

}  // namespace speedster::plugin
