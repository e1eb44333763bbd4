/// The worker's ends of the pipes to its parent: JSON lines on descriptor 3 (requests) and 4 (replies and progress).
#pragma once
#include <optional>
#include <string>

#include "base/json.h"

namespace speedster::worker {

/// Takes over descriptors 3 and 4, where they are open; vendors print to 1 and 2, never there.
class Pipes {
 public:
  Pipes();
  /// The next request; nothing once the parent has closed. Kind corrupt for a line that is no JSON object.
  Result<std::optional<Json>> next();
  /// One line. A parent that no longer reads is no error here: the parent-death signal is on its way.
  void send(const Json& line) const;
  /// {"progress": share, "message": text}
  void progress(double share, const std::string& message) const;

 private:
  int requests_ = -1, replies_ = -1;
  std::string buffer_;
};

}  // namespace speedster::worker
