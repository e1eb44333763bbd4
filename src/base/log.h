/// Log messages as a value that is handed down; there is no global logger.
#pragma once
#include <functional>
#include <string>
#include <string_view>

namespace speedster {

enum class LogLevel : int { kDebug = 0, kInfo = 1, kWarning = 2, kError = 3 };

/// Where messages go. Copies share the sink; the default drops everything. The sink is called from any thread.
class Log {
 public:
  using Sink = std::function<void(LogLevel, std::string_view)>;
  Log() = default;
  explicit Log(Sink sink) : sink_(std::move(sink)) {}
  void write(LogLevel level, std::string_view text) const {
    if (sink_) sink_(level, text);
  }
  void debug(std::string_view text) const { write(LogLevel::kDebug, text); }
  void info(std::string_view text) const { write(LogLevel::kInfo, text); }
  void warning(std::string_view text) const { write(LogLevel::kWarning, text); }
  void error(std::string_view text) const { write(LogLevel::kError, text); }

 private:
  Sink sink_;
};

}  // namespace speedster
