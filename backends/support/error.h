/// Failures inside a plug-in: thrown as Failure, turned into an sp_error at the C edge by guard(). Nothing else crosses
/// it.
#pragma once
#include <speedster/backend.h>

#include <cstdint>
#include <exception>
#include <new>
#include <string>
#include <string_view>
#include <utility>

namespace speedster::plugin {

/// An expected failure. `code` is one of SP_INVALID … SP_INTERNAL; the message follows "[who] expected X, got Y; try
/// Z".
class Failure : public std::exception {
 public:
  Failure(std::int32_t code, std::string message, std::int64_t vendor_code = 0)
      : code_(code), vendor_code_(vendor_code), message_(std::move(message)) {}
  std::int32_t code() const { return code_; }
  std::int64_t vendor_code() const { return vendor_code_; }
  const std::string& message() const { return message_; }
  const char* what() const noexcept override { return message_.c_str(); }

 private:
  std::int32_t code_;
  std::int64_t vendor_code_;
  std::string message_;
};

namespace detail {

struct HeapError : sp_error {
  std::string text;
};

/// What is answered when not even the error object can be allocated.
inline sp_error* out_of_memory() noexcept {
  static sp_error error = {sizeof(sp_error), SP_MEMORY, 0,
                           "[backend] expected memory, got none; try fewer threads or a smaller batch",
                           [](sp_error*) {}};
  return &error;
}

}  // namespace detail

/// A heap-allocated error object that its receiver releases. Never fails: without memory it is a static SP_MEMORY.
inline sp_error* make_error(std::int32_t code, std::string_view message, std::int64_t vendor_code = 0) noexcept {
  try {
    auto* error = new detail::HeapError;
    try {
      error->text = message;
    } catch (...) {
      delete error;
      return detail::out_of_memory();
    }
    error->size = sizeof(sp_error);
    error->code = code;
    error->vendor_code = vendor_code;
    error->message = error->text.c_str();
    error->release = [](sp_error* self) { delete static_cast<detail::HeapError*>(self); };
    return error;
  } catch (...) {
    return detail::out_of_memory();
  }
}

/// Runs `body` and turns whatever it throws into an error object; `who` names the plug-in where a message has no name
/// of its own. This is the only way in which an entry of the table may end.
template <typename Body>
sp_error* guard(const char* who, Body&& body) noexcept {
  try {
    std::forward<Body>(body)();
    return nullptr;
  } catch (const Failure& failure) {
    return make_error(failure.code(), failure.message(), failure.vendor_code());
  } catch (const std::bad_alloc&) {
    return detail::out_of_memory();
  } catch (const std::exception& error) {
    try {
      return make_error(SP_INTERNAL, std::string("[") + who + "] expected no failure, got " + error.what());
    } catch (...) {
      return detail::out_of_memory();
    }
  } catch (...) {
    return make_error(SP_INTERNAL, "[backend] expected no failure, got an exception of unknown type");
  }
}

/// SP_INVALID where a pointer that the interface requires is NULL.
inline void require(const void* pointer, const char* who, const char* what) {
  if (pointer == nullptr) throw Failure(SP_INVALID, std::string("[") + who + "] expected " + what + ", got NULL");
}

/// Hands text to a sink; a NULL sink is SP_INVALID.
inline void write(const sp_sink* sink, std::string_view text, const char* who) {
  require(sink, who, "a sink");
  sink->write(sink->user, text.data(), text.size());
}

}  // namespace speedster::plugin
