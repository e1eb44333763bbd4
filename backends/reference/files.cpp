#include "reference/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "support/error.h"

namespace speedster::reference {
namespace {

using plugin::Failure;

[[noreturn]] void fail(int error, const std::string& expected, const std::string& name) {
  const bool missing = error == ENOENT || error == ENOTDIR;
  throw Failure(missing           ? SP_NOT_FOUND
                : error == ENOMEM ? SP_MEMORY
                                  : SP_INVALID,
                "[reference] expected " + expected + ", got " + name + ": " + std::strerror(error));
}

/// The components of a relative path that stays inside; SP_INVALID otherwise.
std::vector<std::string> components(std::string_view relative) {
  std::vector<std::string> parts;
  for (std::size_t start = 0; start <= relative.size();) {
    const std::size_t end = std::min(relative.find('/', start), relative.size());
    parts.emplace_back(relative.substr(start, end - start));
    start = end + 1;
  }
  if (parts.size() > 1 && parts.front() == ".") parts.erase(parts.begin());
  for (const auto& part : parts) {
    if (part.empty() || part == "." || part == ".." || part.find('\0') != std::string::npos)
      throw Failure(SP_INVALID, "[reference] expected external data inside the model's folder, got '" +
                                    std::string(relative) + "'");
  }
  return parts;
}

}  // namespace

File::File(int fd, std::string name) : fd_(fd), name_(std::move(name)) {}
File::File(File&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), size_(other.size_), name_(std::move(other.name_)) {}
File::~File() {
  if (fd_ >= 0) ::close(fd_);
}

File File::open(const std::filesystem::path& path) {
  // O_NONBLOCK: opening a pipe must not hang.
  File file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK), path.string());
  if (file.fd_ < 0) fail(errno, "a model file", path.string());
  struct stat status{};
  if (::fstat(file.fd_, &status) != 0) fail(errno, "a model file", path.string());
  if (!S_ISREG(status.st_mode)) throw Failure(SP_INVALID, "[reference] expected a regular file, got " + path.string());
  file.size_ = static_cast<std::uint64_t>(status.st_size);
  return file;
}

File File::open_inside(const std::filesystem::path& folder, std::string_view relative) {
  const auto parts = components(relative);
  const std::filesystem::path root = folder.empty() ? "." : folder;
  File at(::open(root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC), root.string());
  if (at.fd_ < 0) fail(errno, "the model's folder", root.string());
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const int kind = i + 1 < parts.size() ? O_DIRECTORY : O_NONBLOCK;
    File next(::openat(at.fd_, parts[i].c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | kind), std::string(relative));
    if (next.fd_ < 0) fail(errno, "external data without symbolic links in " + root.string(), std::string(relative));
    std::swap(at.fd_, next.fd_);
  }
  at.name_ = relative;
  struct stat status{};
  if (::fstat(at.fd_, &status) != 0) fail(errno, "external data", at.name_);
  if (!S_ISREG(status.st_mode)) throw Failure(SP_INVALID, "[reference] expected a regular file, got " + at.name_);
  at.size_ = static_cast<std::uint64_t>(status.st_size);
  return at;
}

void File::read(void* destination, std::uint64_t offset, std::uint64_t length) const {
  if (offset > size_ || length > size_ - offset) {
    throw Failure(SP_INVALID, "[reference] expected " + std::to_string(length) + " bytes at " + std::to_string(offset) +
                                  " of '" + name_ + "', got a file of " + std::to_string(size_));
  }
  for (auto* out = static_cast<char*>(destination); length > 0;) {
    const ssize_t got = ::pread(fd_, out, length, static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) fail(got < 0 ? errno : EIO, "a readable file", name_);
    out += got;
    offset += static_cast<std::uint64_t>(got);
    length -= static_cast<std::uint64_t>(got);
  }
}

void copy_file(const File& source, const std::filesystem::path& destination, const std::function<void()>& poll) {
  const int fd = ::open(destination.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (fd < 0) fail(errno, "a new file", destination.string());
  try {
    std::vector<char> block(std::size_t{1} << 20U);
    for (std::uint64_t offset = 0; offset < source.size();) {
      poll();
      const std::uint64_t length = std::min<std::uint64_t>(block.size(), source.size() - offset);
      source.read(block.data(), offset, length);
      for (std::uint64_t done = 0; done < length;) {
        const ssize_t written = ::write(fd, block.data() + done, length - done);
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) fail(errno, "space to write", destination.string());
        done += static_cast<std::uint64_t>(written);
      }
      offset += length;
    }
  } catch (...) {
    ::close(fd);
    ::unlink(destination.c_str());
    throw;
  }
  ::close(fd);
}

}  // namespace speedster::reference
