#include "package/samples.h"

#include "base/text.h"

namespace speedster::package {
namespace {

constexpr std::size_t kMaxSamples = 4096;

Error corrupt(const std::string& message) {
  return {ErrorKind::kCorrupt, "[package] " + message + "; try a fresh copy of the package"};
}

/// "input.image.3" in its parts.
struct Name {
  bool input = false;
  std::string_view tensor;
  std::size_t index = 0;
};

std::optional<Name> parse_name(std::string_view text) {
  const bool input = text.starts_with("input.");
  const std::size_t last = text.rfind('.');
  const std::size_t begin = text.find('.') + 1;
  if ((!input && !text.starts_with("output.")) || last < begin) return std::nullopt;
  const auto index = parse_number<std::size_t>(text.substr(last + 1));
  if (!index || *index >= kMaxSamples) return std::nullopt;
  return Name{input, text.substr(begin, last - begin), *index};
}

}  // namespace

Result<void> write_samples(const std::filesystem::path& path, const std::vector<SampleToPack>& samples) {
  if (samples.size() > kMaxSamples)
    return Error(ErrorKind::kUsage,
                 "[package] expected at most 4096 samples, got " + std::to_string(samples.size()) + "; try fewer");
  std::vector<std::pair<std::string, const Tensor*>> tensors;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    const std::string index = "." + std::to_string(i);
    for (const NamedTensor& t : samples[i].inputs) tensors.emplace_back("input." + t.name + index, &t.tensor);
    for (const NamedTensor& t : samples[i].outputs) tensors.emplace_back("output." + t.name + index, &t.tensor);
  }
  std::vector<SafetensorsWriter::Declaration> declarations;
  for (const auto& [name, tensor] : tensors) declarations.push_back({name, tensor->dtype(), tensor->shape()});
  SPEEDSTER_ASSIGN(SafetensorsWriter writer, SafetensorsWriter::create(path, declarations));
  for (const auto& [name, tensor] : tensors)
    SPEEDSTER_TRY(writer.append({static_cast<const std::byte*>(tensor->data()), tensor->bytes()}));
  return writer.finish();
}

Result<PackagedSamples> read_samples(const std::filesystem::path& path, const Signature& signature) {
  SPEEDSTER_ASSIGN(SafetensorsFile file, SafetensorsFile::open(path));
  PackagedSamples packaged{std::move(file), {}};
  for (const std::string& text : packaged.file.names()) {
    const auto name = parse_name(text);
    if (!name)
      return corrupt("expected samples named input.NAME.INDEX or output.NAME.INDEX, got \"" + text.substr(0, 200) +
                     "\"");
    const TensorSpec* spec = name->input ? signature.input(name->tensor) : signature.output(name->tensor);
    SPEEDSTER_ASSIGN(const TensorView view, packaged.file.tensor(text));
    if (spec == nullptr || spec->dtype != view.dtype)
      return corrupt("expected samples of the signature's names and dtypes, got \"" + text.substr(0, 200) + "\" " +
                     std::string(speedster::name(view.dtype)));
    if (packaged.samples.size() <= name->index) packaged.samples.resize(name->index + 1);
    auto& sample = packaged.samples[name->index];
    (name->input ? sample.inputs : sample.outputs).emplace(name->tensor, view);
  }
  for (std::size_t i = 0; i < packaged.samples.size(); ++i)
    if (packaged.samples[i].outputs.size() != signature.outputs.size())
      return corrupt("expected all " + std::to_string(signature.outputs.size()) + " outputs of sample " +
                     std::to_string(i) + ", got " + std::to_string(packaged.samples[i].outputs.size()));
  return packaged;
}

}  // namespace speedster::package
