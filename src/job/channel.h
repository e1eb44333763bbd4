/// JSON lines to and from a child, without ever blocking longer than asked.
#pragma once
#include <functional>
#include <optional>
#include <string>

#include "base/files.h"
#include "job/supervisor.h"

namespace speedster::job {

class Channel {
 public:
  /// `requests` is a stream socket (writes to a dead child must not raise SIGPIPE), `replies` the read end of a pipe.
  Channel(UniqueFd requests, UniqueFd replies);

  void queue(const Json& request);
  enum class State { kWaiting, kLine, kClosed, kRubbish };
  /// Sends what is queued and reads what is there, waiting at most `seconds` for something to happen.
  State pump(double seconds);
  /// The next complete line; call after kLine, until nothing comes.
  std::optional<std::string> next_line();
  bool sent_all() const { return sent_ == outgoing_.size(); }

 private:
  UniqueFd requests_, replies_;
  std::string outgoing_, incoming_;
  std::size_t sent_ = 0, scanned_ = 0;
  bool closed_ = false;
};

}  // namespace speedster::job
