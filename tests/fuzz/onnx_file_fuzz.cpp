/// ONNX files as the reference backend reads them: with tensors or without, the same files are accepted and the same is
/// found, and every tensor has the memory that its shape asks for.
#include <cstring>
#include <string>

#include "fuzz/input_file.h"
#include "reference/onnx_file.h"

namespace {

using speedster::fuzz::expect;
namespace reference = speedster::reference;

/// Reads all of it.
void touch(const reference::Value& value) {
  if (!value.present()) return;
  const std::string copy(value.as<char>(), value.bytes());
  expect(std::memcmp(copy.data(), value.data(), copy.size()) == 0);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace fuzz = speedster::fuzz;
  static const fuzz::InputFile file("input.onnx", "weights.bin");
  const std::filesystem::path& path = file.write(data, size);
  reference::OnnxFile whole, outline;
  const bool accepted = fuzz::reads([&] { whole = reference::read_onnx(path); });
  expect(accepted == fuzz::reads([&] { outline = reference::read_onnx(path, false); }));
  if (!accepted) return 0;
  expect(whole.nodes.size() == outline.nodes.size() && whole.inputs.size() == outline.inputs.size());
  expect(whole.outputs.size() == outline.outputs.size() && whole.external_files == outline.external_files);
  expect(whole.initializers.size() == outline.initializers.size());
  for (const auto& [name, value] : whole.initializers) {
    expect(outline.initializers.contains(name) && value.present());
    touch(value);
  }
  for (const reference::Node& node : whole.nodes) {
    expect(reference::operator_name(node).size() >= node.op.size());
    for (const reference::Attribute& attribute : node.attributes) {
      expect(node.find(attribute.name) != nullptr);
      touch(attribute.tensor);
    }
  }
  return 0;
}
