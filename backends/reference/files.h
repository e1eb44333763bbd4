/// Reading files that a model names: whole, bounded, and never outside its folder.
#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

namespace speedster::reference {

/// Owns a descriptor.
class File {
 public:
  /// A regular file. SP_NOT_FOUND, or SP_INVALID where it is none.
  static File open(const std::filesystem::path& path);
  /// `relative` below `folder`: SP_INVALID for an absolute path, "..", or a symbolic link on the way.
  static File open_inside(const std::filesystem::path& folder, std::string_view relative);
  File(File&& other) noexcept;
  File(const File&) = delete;
  ~File();
  std::uint64_t size() const { return size_; }
  /// SP_INVALID where the range is not in the file.
  void read(void* destination, std::uint64_t offset, std::uint64_t length) const;

 private:
  File(int fd, std::string name);
  int fd_ = -1;
  std::uint64_t size_ = 0;
  std::string name_;
};

/// Copies `source` to a new file at `destination` (which must not exist); `poll` is called between blocks and may
/// throw.
void copy_file(const File& source, const std::filesystem::path& destination, const std::function<void()>& poll);

}  // namespace speedster::reference
