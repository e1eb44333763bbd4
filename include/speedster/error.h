/// Expected failures as values: Error (kind, message, cause chain) and Result<T>.
/// Messages follow `[who] expected X, got Y; try Z`, who being the stage, or stage and backend.
#pragma once

#include <cassert>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>

namespace speedster {

/// What went wrong, in the words that a caller acts on. The numbers are stable (they cross the C interface).
enum class ErrorKind : int {
  kUsage = 1,        ///< wrong options or arguments
  kBadInput = 2,     ///< model, samples or labels that cannot be used
  kNotFound = 3,     ///< a file, backend, toolchain, tensor or variant that is not there
  kUnsupported = 4,  ///< valid, but not available here (backend, operator, instruction set)
  kVendor = 5,       ///< a vendor's library failed
  kOutOfMemory = 6,
  kTimeout = 7,
  kCancelled = 8,
  kCrashed = 9,   ///< a child process ended by a signal
  kNoSpace = 10,  ///< disk full
  kPermission = 11,
  kVersion = 12,   ///< a format or library that is newer or older than what is understood
  kCorrupt = 13,   ///< a digest or structure that does not match
  kInternal = 14,  ///< a defect of Speedster
};

/// The kind in lower-case words ("bad input"); never null.
constexpr std::string_view error_kind_name(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kUsage: return "usage";
    case ErrorKind::kBadInput: return "bad input";
    case ErrorKind::kNotFound: return "not found";
    case ErrorKind::kUnsupported: return "unsupported";
    case ErrorKind::kVendor: return "vendor";
    case ErrorKind::kOutOfMemory: return "out of memory";
    case ErrorKind::kTimeout: return "timeout";
    case ErrorKind::kCancelled: return "cancelled";
    case ErrorKind::kCrashed: return "crashed";
    case ErrorKind::kNoSpace: return "no space";
    case ErrorKind::kPermission: return "permission";
    case ErrorKind::kVersion: return "version";
    case ErrorKind::kCorrupt: return "corrupt";
    case ErrorKind::kInternal: return "internal";
  }
  return "internal";
}

/// One failure with the failures that led to it. Cheap to move, copyable.
class Error {
 public:
  Error(ErrorKind kind, std::string message) : kind_(kind), message_(std::move(message)) {}

  ErrorKind kind() const { return kind_; }
  /// This failure alone.
  const std::string& message() const { return message_; }
  /// The vendor's own code, of this failure or of the nearest cause that has one; 0 if none has.
  std::int64_t vendor_code() const { return vendor_code_ != 0 || !cause_ ? vendor_code_ : cause_->vendor_code(); }
  Error with_vendor_code(std::int64_t code) && {
    vendor_code_ = code;
    return std::move(*this);
  }
  /// The failure behind it, or null.
  const Error* cause() const { return cause_.get(); }
  /// This failure and its causes, joined by ": ".
  std::string full_message() const { return cause_ ? message_ + ": " + cause_->full_message() : message_; }
  /// A new failure of the same kind whose cause is this one.
  Error wrap(std::string message) && { return std::move(*this).wrap_as(kind_, std::move(message)); }
  Error wrap_as(ErrorKind kind, std::string message) && {
    Error outer(kind, std::move(message));
    outer.cause_ = std::make_shared<const Error>(std::move(*this));
    return outer;
  }

 private:
  ErrorKind kind_;
  std::string message_;
  std::int64_t vendor_code_ = 0;
  std::shared_ptr<const Error> cause_;
};

/// A value or an Error. `value()` and `error()` assert that they are there.
template <typename T>
class [[nodiscard]] Result {
 public:
  // Implicit on purpose: `return value;` and `return Error(...);` are how functions end.
  template <typename U = T>
    requires(std::is_constructible_v<T, U &&> && !std::is_same_v<std::remove_cvref_t<U>, Result> &&
             !std::is_same_v<std::remove_cvref_t<U>, Error>)
  Result(U&& value) : state_(std::in_place_index<0>, std::forward<U>(value)) {}
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }
  T& value() & {
    assert(ok());
    return *std::get_if<0>(&state_);
  }
  const T& value() const& {
    assert(ok());
    return *std::get_if<0>(&state_);
  }
  T&& value() && {
    assert(ok());
    return std::move(*std::get_if<0>(&state_));
  }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }
  const Error& error() const& {
    assert(!ok());
    return *std::get_if<1>(&state_);
  }
  Error&& error() && {
    assert(!ok());
    return std::move(*std::get_if<1>(&state_));
  }

 private:
  std::variant<T, Error> state_;
};

/// Success, or an Error.
template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)) {}

  bool ok() const { return !error_.has_value(); }
  explicit operator bool() const { return ok(); }
  const Error& error() const& {
    assert(!ok());
    return *error_;
  }
  Error&& error() && {
    assert(!ok());
    return *std::move(error_);
  }

 private:
  std::optional<Error> error_;
};

}  // namespace speedster

#define SPEEDSTER_CONCAT_INNER(a, b) a##b
#define SPEEDSTER_CONCAT(a, b) SPEEDSTER_CONCAT_INNER(a, b)
/// Returns the error of a Result from the enclosing function, or goes on.
#define SPEEDSTER_TRY(...)                                                                           \
  do {                                                                                               \
    if (auto speedster_try = (__VA_ARGS__); !speedster_try) return std::move(speedster_try).error(); \
  } while (false)
/// `SPEEDSTER_ASSIGN(auto x, f());` declares x from the value of f(), or returns its error.
#define SPEEDSTER_ASSIGN(declaration, ...)                                   \
  auto SPEEDSTER_CONCAT(speedster_result_, __LINE__) = (__VA_ARGS__);        \
  if (!SPEEDSTER_CONCAT(speedster_result_, __LINE__))                        \
    return std::move(SPEEDSTER_CONCAT(speedster_result_, __LINE__)).error(); \
  declaration = std::move(SPEEDSTER_CONCAT(speedster_result_, __LINE__)).value()
