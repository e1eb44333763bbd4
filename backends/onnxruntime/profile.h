/// ONNX Runtime's profile of executed nodes: the file that a session writes, read without touching the file system
/// again.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "support/precision.h"

namespace speedster::onnxruntime {

/// One node of the optimized graph; a node that ran several times is one entry.
struct ProfiledNode {
  std::string name, op;
  std::vector<std::string> types;  ///< of inputs and outputs: "float", "int8", …
  std::int64_t calls = 0;
  std::int64_t microseconds = 0;  ///< of all calls
};

/// A file that exists only for the session that writes it: made in a folder of its own, opened, and unlinked at once.
class ProfileFile {
 public:
  /// `scratch`: where to make the folder; throws SP_INVALID where that cannot be done.
  explicit ProfileFile(const std::string& scratch);
  ProfileFile(const ProfileFile&) = delete;
  ProfileFile& operator=(const ProfileFile&) = delete;
  ~ProfileFile();
  /// What the session wants: the file's name without its time stamp.
  std::string prefix() const;
  /// Call once the session exists: takes hold of the file and removes its name, so that nothing is left if we are
  /// killed.
  void adopt();
  /// The nodes, in order of first execution; call after the session has ended its profile. Empty for a damaged file.
  std::vector<ProfiledNode> read() const;

 private:
  void remove_folder();
  std::string folder_;
  int fd_ = -1;
};

/// Classifies executed nodes (see PrecisionTally).
plugin::PrecisionTally tally(const std::vector<ProfiledNode>& nodes);

}  // namespace speedster::onnxruntime
