/// Opens a vendor's shared library by its absolute path and looks symbols up in it.
#pragma once
#include <dlfcn.h>

#include <string>

#include "support/error.h"

namespace speedster::plugin {

/// Stays open for the life of the process: vendor libraries are never unloaded.
class Library {
 public:
  Library() = default;
  /// SP_INVALID for a path that is not absolute, SP_NOT_FOUND where the loader refuses (its words are in the message).
  /// RTLD_LOCAL keeps two releases of one vendor apart.
  Library(const std::string& path, const char* who) : path_(path), who_(who) {
    if (path.empty() || path.front() != '/')
      throw Failure(SP_INVALID, std::string("[") + who + "] expected an absolute path in option 'library', got '" +
                                    path + "'; try speedster doctor, which shows the library that it finds");
    handle_ = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (handle_ == nullptr)
      throw Failure(SP_NOT_FOUND, std::string("[") + who + "] expected a library that loads, got " + loader_message() +
                                      "; try speedster toolchain install " + who);
  }

  /// SP_UNSUPPORTED where the library lacks it: it is too old, or another vendor's.
  template <typename Function>
  void find(Function*& function, const char* symbol) const {
    function = optional<Function>(symbol);
    if (function == nullptr)
      throw Failure(SP_UNSUPPORTED, std::string("[") + who_ + "] expected the symbol " + symbol + ", got none in " +
                                        path_ + "; try a newer release of the library");
  }
  /// NULL where the library lacks it.
  template <typename Function>
  Function* optional(const char* symbol) const {
    return reinterpret_cast<Function*>(::dlsym(handle_, symbol));
  }
  const std::string& path() const { return path_; }

 private:
  static std::string loader_message() {
    const char* message = ::dlerror();
    return message == nullptr ? "no reason" : message;
  }

  std::string path_;
  const char* who_ = "";
  void* handle_ = nullptr;
};

}  // namespace speedster::plugin
