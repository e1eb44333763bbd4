/// OpenVINO's C interface, opened at run time: the functions that are used, errors, and owners of its objects.
#pragma once
#include <openvino/c/openvino.h>
#include <speedster/backend.h>

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "support/library.h"

namespace speedster::openvino {

inline constexpr const char* kWho = "openvino";

/// Every function of the interface that the plug-in calls.
#define SPEEDSTER_OPENVINO_FUNCTIONS(X)        \
  X(ov_get_openvino_version)                   \
  X(ov_version_free)                           \
  X(ov_get_error_info)                         \
  X(ov_free)                                   \
  X(ov_core_create)                            \
  X(ov_core_free)                              \
  X(ov_core_get_property)                      \
  X(ov_core_compile_model_from_file)           \
  X(ov_compiled_model_free)                    \
  X(ov_compiled_model_get_property)            \
  X(ov_compiled_model_inputs_size)             \
  X(ov_compiled_model_outputs_size)            \
  X(ov_compiled_model_input_by_index)          \
  X(ov_compiled_model_output_by_index)         \
  X(ov_compiled_model_output_by_name)          \
  X(ov_compiled_model_input_by_name)           \
  X(ov_compiled_model_create_infer_request)    \
  X(ov_output_const_port_free)                 \
  X(ov_port_get_any_name)                      \
  X(ov_port_get_partial_shape)                 \
  X(ov_port_get_element_type)                  \
  X(ov_partial_shape_free)                     \
  X(ov_infer_request_free)                     \
  X(ov_infer_request_set_tensor_by_const_port) \
  X(ov_infer_request_get_tensor_by_const_port) \
  X(ov_infer_request_infer)                    \
  X(ov_infer_request_start_async)              \
  X(ov_infer_request_wait)                     \
  X(ov_infer_request_cancel)                   \
  X(ov_infer_request_get_profiling_info)       \
  X(ov_profiling_info_list_free)               \
  X(ov_tensor_create)                          \
  X(ov_tensor_create_from_host_ptr)            \
  X(ov_tensor_free)                            \
  X(ov_tensor_data)                            \
  X(ov_tensor_get_shape)                       \
  X(ov_tensor_get_size)                        \
  X(ov_tensor_get_byte_size)                   \
  X(ov_shape_free)

/// A property of the device: name and value in the vendor's words.
struct Property {
  std::string key, value;
};

class Api {
 public:
  /// Loads the library (absolute path) and checks that it numbers element types as our header does.
  explicit Api(const std::string& library);
  /// "2026.4.1"
  const std::string& version() const { return version_; }

#define X(name) decltype(&::name) name = nullptr;
  SPEEDSTER_OPENVINO_FUNCTIONS(X)
#undef X

  /// Throws a Failure for a status that is not OK. "expected WHAT 'NAME', got: …".
  void check(ov_status_e status, std::string_view what, std::string_view name = {}) const {
    if (status != ov_status_e::OK) [[unlikely]]
      fail(status, what, name);
  }
  [[noreturn]] void fail(ov_status_e status, std::string_view what, std::string_view name) const;
  /// Reads and compiles a model for the CPU. At most kMaxProperties properties.
  ov_compiled_model_t* compile(const ov_core_t* core, const std::string& path,
                               const std::vector<Property>& properties) const;

 private:
  void check_numbering() const;

  plugin::Library library_;
  decltype(&::ov_get_last_err_msg) last_error_ = nullptr;  // not in every release
  std::string version_;
};

inline constexpr std::size_t kMaxProperties = 12;

/// Owns an object of the vendor.
template <typename T>
using Owned = std::unique_ptr<T, void (*)(T*)>;
template <typename T>
Owned<T> own(T* object, void (*release)(T*)) {
  return Owned<T>(object, release);
}
template <typename T>
Owned<T> nothing() {
  return Owned<T>(nullptr, [](T*) {});
}

/// The DLPack dtype of an element type; nothing for strings and for types that are not passed on.
std::optional<DLDataType> to_dtype(ov_element_type_e type);
ov_element_type_e to_element(DLDataType dtype);

/// The vendor's view of a shape; it does not own the extents.
inline ov_shape_t as_shape(std::span<const std::int64_t> extents) {
  static std::int64_t none = 0;
  return {static_cast<std::int64_t>(extents.size()),
          extents.empty() ? &none : const_cast<std::int64_t*>(extents.data())};
}

}  // namespace speedster::openvino
