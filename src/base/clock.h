/// Monotonic time and deadlines, and the date for what is kept.
#pragma once
#include <chrono>
#include <optional>
#include <string>

namespace speedster {

using Clock = std::chrono::steady_clock;

/// Seconds since an arbitrary start, monotonic.
inline double now_seconds() { return std::chrono::duration<double>(Clock::now().time_since_epoch()).count(); }

/// "2026-01-31T12:00:00Z": the moment of SOURCE_DATE_EPOCH (https://reproducible-builds.org/specs/source-date-epoch/),
/// else now.
std::string utc_now();

/// A moment by which something must have ended; the default never comes.
class Deadline {
 public:
  Deadline() = default;
  static Deadline in(double seconds) {
    Deadline d;
    d.at_ = now_seconds() + seconds;
    return d;
  }
  bool limited() const { return at_.has_value(); }
  /// Seconds left, at least 0; a very large number if unlimited.
  double left() const { return at_ ? (*at_ > now_seconds() ? *at_ - now_seconds() : 0.0) : 1e18; }
  bool passed() const { return at_ && now_seconds() >= *at_; }
  /// The earlier of the two.
  Deadline sooner(double seconds) const { return left() <= seconds ? *this : in(seconds); }
  /// This deadline moved earlier by `seconds`.
  Deadline minus(double seconds) const {
    Deadline d = *this;
    if (d.at_) *d.at_ -= seconds;
    return d;
  }

 private:
  std::optional<double> at_;
};

}  // namespace speedster
