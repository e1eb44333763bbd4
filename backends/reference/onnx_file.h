/// An ONNX file as plain structs, read without protobuf. Hostile input: SP_INVALID for what is not ONNX or contradicts
/// itself, SP_NOT_FOUND for missing files, SP_UNSUPPORTED for strings and other types that the backend does not carry.
#pragma once
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "reference/value.h"

namespace speedster::reference {

struct Attribute {
  std::string name;
  bool is_graph = false;
  float real = 0;
  std::int64_t integer = 0;
  std::string text;
  std::vector<float> reals;
  std::vector<std::int64_t> integers;
  Value tensor;
};

struct Node {
  std::string op, domain, name;
  std::vector<std::string> inputs, outputs;
  std::vector<Attribute> attributes;

  const Attribute* find(std::string_view attribute) const;
  std::int64_t integer(std::string_view attribute, std::int64_t fallback) const;
  double real(std::string_view attribute, double fallback) const;
  std::string_view text(std::string_view attribute, std::string_view fallback) const;
  /// Empty where there is none.
  std::span<const std::int64_t> integers(std::string_view attribute) const;
};

struct OnnxFile {
  std::int64_t opset = 0;  ///< of the default domain
  std::vector<Node> nodes;
  std::vector<plugin::TensorSpec> inputs, outputs;
  std::map<std::string, Value, std::less<>> initializers;
  std::set<std::string> external_files;  ///< relative to the model's folder
  std::vector<std::shared_ptr<void>> memory;
  std::uint64_t weight_bytes = 0;  ///< of initializers and constants
};

/// `tensors` false leaves initializers unread (their external files are still found and checked).
OnnxFile read_onnx(const std::filesystem::path& path, bool tensors = true);

/// "domain.Op", the default domain left out.
std::string operator_name(const Node& node);

}  // namespace speedster::reference
