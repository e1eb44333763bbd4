/// Builds ONNX files in tests without protobuf: nodes, attributes, initializers (inline or external), symbolic axes.
///
///     OnnxWriter model;
///     model.input("x", OnnxType::kFloat, {"batch", 4}).output("y", OnnxType::kFloat, {"batch", 2});
///     model.initializer<float>("w", {4, 2}, {…}).node("MatMul", {"x", "w"}, {"y"});
///     model.save(folder / "model.onnx");
#pragma once
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace speedster::testing {

/// TensorProto.DataType of the ONNX specification.
enum class OnnxType : std::int32_t {
  kFloat = 1,
  kUInt8 = 2,
  kInt8 = 3,
  kUInt16 = 4,
  kInt16 = 5,
  kInt32 = 6,
  kInt64 = 7,
  kString = 8,
  kBool = 9,
  kFloat16 = 10,
  kDouble = 11,
  kUInt32 = 12,
  kUInt64 = 13,
  kComplex64 = 14,
  kComplex128 = 15,
  kBFloat16 = 16,
  kFloat8E4M3FN = 17,
  kFloat8E4M3FNUZ = 18,
  kFloat8E5M2 = 19,
  kFloat8E5M2FNUZ = 20,
  kUInt4 = 21,
  kInt4 = 22,
  kFloat4E2M1 = 23,
};

template <typename T>
constexpr OnnxType onnx_type() {
  if constexpr (std::is_same_v<T, float>)
    return OnnxType::kFloat;
  else if constexpr (std::is_same_v<T, double>)
    return OnnxType::kDouble;
  else if constexpr (std::is_same_v<T, bool>)
    return OnnxType::kBool;
  else if constexpr (std::is_same_v<T, std::int8_t>)
    return OnnxType::kInt8;
  else if constexpr (std::is_same_v<T, std::uint8_t>)
    return OnnxType::kUInt8;
  else if constexpr (std::is_same_v<T, std::int16_t>)
    return OnnxType::kInt16;
  else if constexpr (std::is_same_v<T, std::uint16_t>)
    return OnnxType::kUInt16;
  else if constexpr (std::is_same_v<T, std::int32_t>)
    return OnnxType::kInt32;
  else if constexpr (std::is_same_v<T, std::uint32_t>)
    return OnnxType::kUInt32;
  else if constexpr (std::is_same_v<T, std::uint64_t>)
    return OnnxType::kUInt64;
  else {
    static_assert(std::is_same_v<T, std::int64_t>, "no ONNX type");
    return OnnxType::kInt64;
  }
}

/// The protobuf wire format, writing side.
class WireWriter {
 public:
  WireWriter& integer(int field, std::int64_t value) { return tag(field, 0).varint(static_cast<std::uint64_t>(value)); }
  WireWriter& real(int field, float value) {
    tag(field, 5).bytes_.append(reinterpret_cast<const char*>(&value), sizeof(value));
    return *this;
  }
  /// Strings, bytes and nested messages.
  WireWriter& text(int field, std::string_view value) {
    tag(field, 2).varint(value.size()).bytes_ += value;
    return *this;
  }
  WireWriter& message(int field, const WireWriter& value) { return text(field, value.bytes_); }
  const std::string& bytes() const { return bytes_; }

 private:
  WireWriter& tag(int field, unsigned wire) { return varint((static_cast<std::uint64_t>(field) << 3U) | wire); }
  WireWriter& varint(std::uint64_t value) {
    for (; value >= 0x80; value >>= 7U) bytes_ += static_cast<char>((value & 0x7FU) | 0x80U);
    bytes_ += static_cast<char>(value);
    return *this;
  }
  std::string bytes_;
};

/// An extent: a number, or a symbolic name ("" for an axis that is unknown and has no name).
using Dim = std::variant<std::int64_t, std::string>;
struct Dims : std::vector<Dim> {
  Dims() = default;
  Dims(std::initializer_list<Dim> dims) : std::vector<Dim>(dims) {}
};
using Extents = std::vector<std::int64_t>;

/// A tensor's values as raw bytes.
struct TensorData {
  OnnxType type = OnnxType::kFloat;
  Extents dims;
  std::string raw;
};
template <typename T>
TensorData tensor_data(Extents dims, const std::vector<T>& values) {
  TensorData data{onnx_type<T>(), std::move(dims), {}};
  for (const T value : values) data.raw.append(reinterpret_cast<const char*>(&value), sizeof(T));
  return data;
}

struct Attribute {
  std::string name;
  std::variant<std::int64_t, float, std::string, Extents, std::vector<float>, TensorData> value;
  Attribute(std::string key, int number) : name(std::move(key)), value(std::int64_t{number}) {}
  Attribute(std::string key, std::int64_t number) : name(std::move(key)), value(number) {}
  Attribute(std::string key, float number) : name(std::move(key)), value(number) {}
  Attribute(std::string key, double number) : name(std::move(key)), value(static_cast<float>(number)) {}
  Attribute(std::string key, const char* text) : name(std::move(key)), value(std::string(text)) {}
  Attribute(std::string key, Extents numbers) : name(std::move(key)), value(std::move(numbers)) {}
  Attribute(std::string key, std::vector<float> numbers) : name(std::move(key)), value(std::move(numbers)) {}
  Attribute(std::string key, TensorData tensor) : name(std::move(key)), value(std::move(tensor)) {}
};
using Attributes = std::vector<Attribute>;

class OnnxWriter {
 public:
  explicit OnnxWriter(std::int64_t opset = 17, std::int64_t ir_version = 8) : ir_version_(ir_version) {
    domain("", opset);
  }

  /// Adds an operator set.
  OnnxWriter& domain(const std::string& name, std::int64_t version) {
    opsets_.message(8, WireWriter().text(1, name).integer(2, version));
    return *this;
  }
  OnnxWriter& metadata(const std::string& key, const std::string& value) {
    metadata_.message(14, WireWriter().text(1, key).text(2, value));
    return *this;
  }
  OnnxWriter& input(const std::string& name, OnnxType type, const Dims& dims) { return value(11, name, type, dims); }
  OnnxWriter& output(const std::string& name, OnnxType type, const Dims& dims) { return value(12, name, type, dims); }
  OnnxWriter& value_info(const std::string& name, OnnxType type, const Dims& dims) {
    return value(13, name, type, dims);
  }
  /// An input or output whose rank is not known.
  OnnxWriter& unranked_input(const std::string& name, OnnxType type) { return unranked(11, name, type); }
  OnnxWriter& unranked_output(const std::string& name, OnnxType type) { return unranked(12, name, type); }
  OnnxWriter& node(const std::string& op, const std::vector<std::string>& inputs,
                   const std::vector<std::string>& outputs, const Attributes& attributes = {},
                   const std::string& name = {}, const std::string& op_domain = {}) {
    WireWriter node;
    for (const auto& input : inputs) node.text(1, input);
    for (const auto& output : outputs) node.text(2, output);
    node.text(3, name.empty() ? op + "_" + std::to_string(nodes_) : name).text(4, op);
    for (const auto& attribute : attributes) node.message(5, encode(attribute));
    if (!op_domain.empty()) node.text(7, op_domain);
    graph_.message(1, node);
    ++nodes_;
    return *this;
  }
  template <typename T>
  OnnxWriter& initializer(const std::string& name, Extents dims, const std::vector<T>& values) {
    return initializer(name, tensor_data(std::move(dims), values));
  }
  OnnxWriter& initializer(const std::string& name, const TensorData& data) {
    graph_.message(5, encode(data, name));
    return *this;
  }
  /// Values in `file` (relative to the model), written there by save() behind what is there already.
  template <typename T>
  OnnxWriter& external(const std::string& name, Extents dims, const std::vector<T>& values, const std::string& file) {
    const TensorData data = tensor_data(std::move(dims), values);
    std::string& content = files_[file];
    content.resize((content.size() + 63) / 64 * 64);
    const std::size_t offset = content.size();
    content += data.raw;
    return external_reference(name, data.type, data.dims, file, offset, data.raw.size());
  }
  /// A reference alone, whatever it points to: for hostile models.
  OnnxWriter& external_reference(const std::string& name, OnnxType type, const Extents& dims, const std::string& file,
                                 std::uint64_t offset, std::uint64_t length) {
    return external_entries(
        name, type, dims, {{"location", file}, {"offset", std::to_string(offset)}, {"length", std::to_string(length)}});
  }
  /// The entries as they are, in any number: for hostile models.
  OnnxWriter& external_entries(const std::string& name, OnnxType type, const Extents& dims,
                               const std::vector<std::pair<std::string, std::string>>& entries) {
    WireWriter tensor;
    for (const std::int64_t extent : dims) tensor.integer(1, extent);
    tensor.integer(2, static_cast<std::int32_t>(type)).text(8, name);
    for (const auto& [key, text] : entries) tensor.message(13, WireWriter().text(1, key).text(2, text));
    tensor.integer(14, 1);
    graph_.message(5, tensor);
    return *this;
  }

  /// Without the producer's name, as PyTorch's exporter may leave it.
  OnnxWriter& anonymous() {
    names_producer_ = false;
    return *this;
  }

  /// The model file's content.
  std::string bytes() const {
    WireWriter model;
    model.integer(1, ir_version_);
    if (names_producer_) model.text(2, "speedster-tests");
    model.text(7, graph_.bytes() + WireWriter().text(2, "graph").bytes());
    return model.bytes() + opsets_.bytes() + metadata_.bytes();
  }
  /// Writes the model and the external files beside it; returns the path.
  std::filesystem::path save(const std::filesystem::path& path) const {
    write(path, bytes());
    for (const auto& [name, content] : files_) {
      std::filesystem::create_directories((path.parent_path() / name).parent_path());
      write(path.parent_path() / name, content);
    }
    return path;
  }
  static void write(const std::filesystem::path& path, std::string_view content) {
    std::ofstream file(path, std::ios::binary);
    file.write(content.data(), static_cast<std::streamsize>(content.size()));
    if (!file.flush()) throw std::runtime_error("cannot write " + path.string());
  }

 private:
  OnnxWriter& unranked(int field, const std::string& name, OnnxType type) {
    const auto tensor = WireWriter().integer(1, static_cast<std::int32_t>(type));
    graph_.message(field, WireWriter().text(1, name).message(2, WireWriter().message(1, tensor)));
    return *this;
  }
  OnnxWriter& value(int field, const std::string& name, OnnxType type, const Dims& dims) {
    WireWriter shape;
    for (const Dim& dim : dims) {
      const auto* symbol = std::get_if<std::string>(&dim);
      WireWriter extent;
      if (symbol == nullptr)
        extent.integer(1, std::get<std::int64_t>(dim));
      else if (!symbol->empty())
        extent.text(2, *symbol);
      shape.message(1, extent);
    }
    const auto tensor = WireWriter().integer(1, static_cast<std::int32_t>(type)).message(2, shape);
    graph_.message(field, WireWriter().text(1, name).message(2, WireWriter().message(1, tensor)));
    return *this;
  }
  static WireWriter encode(const TensorData& data, const std::string& name) {
    WireWriter tensor;
    for (const std::int64_t extent : data.dims) tensor.integer(1, extent);
    return tensor.integer(2, static_cast<std::int32_t>(data.type)).text(8, name).text(9, data.raw);
  }
  static WireWriter encode(const Attribute& attribute) {
    WireWriter out;
    out.text(1, attribute.name);
    if (const auto* number = std::get_if<std::int64_t>(&attribute.value)) out.integer(3, *number).integer(20, 2);
    if (const auto* real = std::get_if<float>(&attribute.value)) out.real(2, *real).integer(20, 1);
    if (const auto* text = std::get_if<std::string>(&attribute.value)) out.text(4, *text).integer(20, 3);
    if (const auto* tensor = std::get_if<TensorData>(&attribute.value))
      out.message(5, encode(*tensor, "")).integer(20, 4);
    if (const auto* numbers = std::get_if<Extents>(&attribute.value)) {
      for (const std::int64_t n : *numbers) out.integer(8, n);
      out.integer(20, 7);
    }
    if (const auto* reals = std::get_if<std::vector<float>>(&attribute.value)) {
      for (const float f : *reals) out.real(7, f);
      out.integer(20, 6);
    }
    return out;
  }

  std::int64_t ir_version_;
  std::size_t nodes_ = 0;
  WireWriter graph_, opsets_, metadata_;
  bool names_producer_ = true;
  std::map<std::string, std::string> files_;
};

}  // namespace speedster::testing
