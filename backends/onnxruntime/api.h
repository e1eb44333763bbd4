/// ONNX Runtime's C interface, opened at run time: the table, errors, and owners of its objects.
#pragma once
#include <onnxruntime_c_api.h>
#include <speedster/backend.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "support/library.h"

namespace speedster::onnxruntime {

inline constexpr const char* kWho = "onnxruntime";

/// The table of the library that open() loaded. One library in a plug-in: the second open must name the same file.
class Api {
 public:
  /// Loads the library (absolute path) and checks that it speaks version 17 of the interface.
  explicit Api(const std::string& library);
  const OrtApi* operator->() const { return api_; }
  const OrtApi& get() const { return *api_; }
  /// "1.31.1"
  const std::string& version() const { return version_; }
  const std::string& path() const { return library_.path(); }

  /// Throws a Failure for a status that is not success, and releases it. "expected WHAT 'NAME', got: …".
  void check(OrtStatus* status, std::string_view what, std::string_view name = {}) const {
    if (status != nullptr) [[unlikely]]
      fail(status, what, name);
  }

 private:
  [[noreturn]] void fail(OrtStatus* status, std::string_view what, std::string_view name) const;

  plugin::Library library_;
  const OrtApi* api_ = nullptr;
  std::string version_;
};

/// Owns an object of the vendor.
template <typename T>
using Owned = std::unique_ptr<T, void (*)(T*)>;

template <typename T>
Owned<T> own(T* object, void (*release)(T*)) {
  return Owned<T>(object, release);
}
/// An empty owner, to be filled later.
template <typename T>
Owned<T> nothing() {
  return Owned<T>(nullptr, [](T*) {});
}

/// The DLPack dtype of a tensor element type; nothing for strings and for types that DLPack cannot say.
std::optional<DLDataType> to_dtype(ONNXTensorElementDataType type);
/// The vendor's element type of a DLPack dtype that to_dtype can give.
ONNXTensorElementDataType to_element(DLDataType dtype);

}  // namespace speedster::onnxruntime
