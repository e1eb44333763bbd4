/// A temporary folder, and what a plug-in's failure says.
#pragma once
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "support/error.h"

namespace speedster::plugin {

class Folder {
 public:
  Folder() {
    std::string pattern = std::filesystem::temp_directory_path() / "speedster-plugins-XXXXXX";
    path_ = ::mkdtemp(pattern.data());
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path write(const std::string& name, const std::string& content) const {
    std::ofstream(path_ / name, std::ios::binary) << content;
    return path_ / name;
  }

 private:
  std::filesystem::path path_;
};

/// The code of the Failure that `body` throws, 0 if it throws none; its message in `message`.
template <typename Body>
int failure_code(Body&& body, std::string* message = nullptr) {
  try {
    body();
  } catch (const Failure& failure) {
    if (message != nullptr) *message = failure.message();
    return failure.code();
  }
  return 0;
}

}  // namespace speedster::plugin
