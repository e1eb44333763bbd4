/// Receives text that a plug-in writes, bounded, and reads it as JSON.
#pragma once
#include <speedster/backend.h>

#include <string>
#include <string_view>

#include "base/json.h"

namespace speedster::backend {

class Sink {
 public:
  Sink() : sink_{this, &Sink::write} {}
  Sink(const Sink&) = delete;
  Sink& operator=(const Sink&) = delete;
  const sp_sink* get() const { return &sink_; }
  /// Kind corrupt if the text is no JSON object.
  Result<Json> json(std::string_view who) const {
    if (failed_)
      return Error(ErrorKind::kOutOfMemory, "[" + std::string(who) + "] expected at most 64 MiB of text, got more");
    SPEEDSTER_ASSIGN(Json parsed, parse_json(text_, who));
    if (!parsed.is_object())
      return Error(ErrorKind::kCorrupt, "[" + std::string(who) + "] expected a JSON object, got " + parsed.type_name());
    return parsed;
  }

 private:
  static constexpr std::size_t kLimit = std::size_t{64} << 20U;
  // Called through C: nothing may be thrown.
  static void write(void* user, const char* text, std::size_t size) {
    auto* self = static_cast<Sink*>(user);
    try {
      if (size > kLimit - self->text_.size())
        self->failed_ = true;
      else
        self->text_.append(text, size);
    } catch (...) {
      self->failed_ = true;
    }
  }
  sp_sink sink_;
  std::string text_;
  bool failed_ = false;
};

}  // namespace speedster::backend
