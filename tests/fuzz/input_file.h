/// For readers that take a path: the input as a file, and how reading it may end.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "base/files.h"
#include "support/error.h"

namespace speedster::fuzz {

inline void expect(bool holds) {
  if (!holds) std::abort();
}

/// A folder in memory where there is one, on disk otherwise.
inline TempDir scratch() {
  std::error_code error;
  const std::filesystem::path memory = "/dev/shm";
  return std::move(TempDir::create("speedster-fuzz-", std::filesystem::is_directory(memory, error) ? memory : ""))
      .value();
}

/// One file that is written again for each input, and beside it `neighbour`, to which the input may point.
class InputFile {
 public:
  InputFile(const std::string& name, const std::string& neighbour) : folder_(scratch()), path_(folder() / name) {
    std::ofstream(folder() / neighbour, std::ios::binary) << std::string(4096, 'w');
  }
  const std::filesystem::path& folder() const { return folder_.path(); }
  const std::filesystem::path& write(const std::uint8_t* data, std::size_t size) const {
    std::ofstream file(path_, std::ios::binary);
    file.write(reinterpret_cast<const char*>(data), static_cast<std::streamsize>(size));
    expect(file.flush().good());
    return path_;
  }

 private:
  TempDir folder_;
  std::filesystem::path path_;
};

/// Whether `body` ends without a Failure. One blames the input and says who speaks; nothing else may be thrown.
template <typename Body>
bool reads(Body&& body) {
  try {
    body();
    return true;
  } catch (const plugin::Failure& failure) {
    expect(failure.code() == SP_INVALID || failure.code() == SP_UNSUPPORTED || failure.code() == SP_NOT_FOUND);
    expect(failure.message().starts_with("["));
    return false;
  }
}

}  // namespace speedster::fuzz
