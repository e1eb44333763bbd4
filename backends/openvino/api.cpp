#include "openvino/api.h"

#include <array>
#include <string_view>

#include "support/tensor.h"

namespace speedster::openvino {

namespace {

struct Element {
  ov_element_type_e element;
  DLDataType dtype;
};

constexpr std::array kElements = {
    Element{ov_element_type_e::F32, plugin::make_dtype(kDLFloat, 32)},
    Element{ov_element_type_e::F64, plugin::make_dtype(kDLFloat, 64)},
    Element{ov_element_type_e::F16, plugin::make_dtype(kDLFloat, 16)},
    Element{ov_element_type_e::BF16, plugin::make_dtype(kDLBfloat, 16)},
    Element{ov_element_type_e::I8, plugin::make_dtype(kDLInt, 8)},
    Element{ov_element_type_e::I16, plugin::make_dtype(kDLInt, 16)},
    Element{ov_element_type_e::I32, plugin::make_dtype(kDLInt, 32)},
    Element{ov_element_type_e::I64, plugin::make_dtype(kDLInt, 64)},
    Element{ov_element_type_e::U8, plugin::make_dtype(kDLUInt, 8)},
    Element{ov_element_type_e::U16, plugin::make_dtype(kDLUInt, 16)},
    Element{ov_element_type_e::U32, plugin::make_dtype(kDLUInt, 32)},
    Element{ov_element_type_e::U64, plugin::make_dtype(kDLUInt, 64)},
    Element{ov_element_type_e::BOOLEAN, plugin::make_dtype(kDLBool, 8)},
};

std::int32_t kind_of(ov_status_e status, std::string_view message) {
  const auto says = [&](std::string_view words) { return message.find(words) != std::string_view::npos; };
  if (status == ov_status_e::INFER_CANCELLED) return SP_CANCELLED;
  if (says("bad_alloc") || says("failed to allocate")) return SP_MEMORY;
  if (status == ov_status_e::NOT_IMPLEMENTED || says("No conversion rule found") || says("not supported") ||
      says("is not implemented"))
    return SP_UNSUPPORTED;
  if (says("Unable to read the model") || says("Could not open") || says("Failed to load ONNX") ||
      status == ov_status_e::NETWORK_NOT_READ)
    return SP_INVALID;
  return SP_VENDOR;
}

/// The first dotted number of "2026.4.1-22982-e213a147257-releases/2026/4".
std::string dotted(std::string_view build) {
  return std::string(build.substr(0, build.find_first_not_of("0123456789.")));
}

}  // namespace

Api::Api(const std::string& library) : library_(library, kWho) {
#define X(name) library_.find(this->name, #name);
  SPEEDSTER_OPENVINO_FUNCTIONS(X)
#undef X
  last_error_ = library_.optional<std::remove_pointer_t<decltype(last_error_)>>("ov_get_last_err_msg");
  ov_version_t version = {};
  check(ov_get_openvino_version(&version), "a version");
  version_ = dotted(version.buildNumber == nullptr ? "" : version.buildNumber);
  ov_version_free(&version);
  check_numbering();
}

void Api::check_numbering() const {
  // Releases before 2026 counted one more element type at the start; every dtype would be taken for its neighbour.
  const std::int64_t one = 1;
  for (const Element& row : kElements) {
    ov_tensor_t* raw = nullptr;
    std::size_t bytes = 0;
    if (ov_tensor_create(row.element, as_shape({&one, 1}), &raw) == ov_status_e::OK) {
      ov_tensor_get_byte_size(raw, &bytes);
      ov_tensor_free(raw);
    }
    if (bytes != row.dtype.bits / 8U)
      throw plugin::Failure(SP_UNSUPPORTED, "[openvino] expected OpenVINO 2026.0 or newer, got " + version_ + " at " +
                                                library_.path() + "; try speedster toolchain install openvino");
  }
}

void Api::fail(ov_status_e status, std::string_view what, std::string_view name) const {
  std::string message = ov_get_error_info(status);
  if (last_error_ != nullptr) {
    if (const char* last = last_error_(); last != nullptr) {
      if (*last != '\0') message = last;
      ov_free(last);
    }
  }
  std::string expected(what);
  if (!name.empty()) expected += " '" + std::string(name) + "'";
  throw plugin::Failure(kind_of(status, message), "[openvino] expected " + expected + ", got: " + message, status);
}

ov_compiled_model_t* Api::compile(const ov_core_t* core, const std::string& path,
                                  const std::vector<Property>& properties) const {
  if (properties.size() > kMaxProperties) throw plugin::Failure(SP_INTERNAL, "[openvino] expected fewer properties");
  // The function takes its properties as variable arguments, and their number twice; what it is not told of it leaves
  // alone.
  std::array<const char*, 2 * kMaxProperties> a{};
  for (std::size_t i = 0; i < properties.size(); ++i) {
    a[2 * i] = properties[i].key.c_str();
    a[2 * i + 1] = properties[i].value.c_str();
  }
  static_assert(kMaxProperties == 12);
  ov_compiled_model_t* compiled = nullptr;
  check(ov_core_compile_model_from_file(core, path.c_str(), "CPU", 2 * properties.size(), &compiled, a[0], a[1], a[2],
                                        a[3], a[4], a[5], a[6], a[7], a[8], a[9], a[10], a[11], a[12], a[13], a[14],
                                        a[15], a[16], a[17], a[18], a[19], a[20], a[21], a[22], a[23]),
        "a model that compiles", path);
  return compiled;
}

std::optional<DLDataType> to_dtype(ov_element_type_e type) {
  for (const Element& row : kElements)
    if (row.element == type) return row.dtype;
  return std::nullopt;
}

ov_element_type_e to_element(DLDataType dtype) {
  for (const Element& row : kElements)
    if (plugin::same_dtype(row.dtype, dtype)) return row.element;
  return ov_element_type_e::DYNAMIC;
}

}  // namespace speedster::openvino
