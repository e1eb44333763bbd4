#include "package/samples.h"

#include "base/text.h"

namespace speedster::package {
namespace {

constexpr std::size_t kMaxSamples = 4096;

Error corrupt(const std::string& message) { return {ErrorKind::kCorrupt, "[package] " + message}; }

/// "3/input/image" in its parts.
struct Name {
  std::size_t index = 0;
  bool input = false;
  std::string_view tensor;
};

std::optional<Name> parse_name(std::string_view text) {
  const std::size_t first = text.find('/');
  if (first == std::string_view::npos) return std::nullopt;
  const auto index = parse_number<std::size_t>(text.substr(0, first));
  text.remove_prefix(first + 1);
  const bool input = text.starts_with("input/");
  if (!index || *index >= kMaxSamples || (!input && !text.starts_with("output/"))) return std::nullopt;
  return Name{*index, input, text.substr(text.find('/') + 1)};
}

}  // namespace

Result<void> write_samples(const std::filesystem::path& path, const std::vector<SampleToPack>& samples) {
  if (samples.size() > kMaxSamples)
    return Error(ErrorKind::kUsage, "[package] expected at most 4096 samples, got " + std::to_string(samples.size()));
  std::vector<std::pair<std::string, const Tensor*>> tensors;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    for (const NamedTensor& t : samples[i].inputs)
      tensors.emplace_back(std::to_string(i) + "/input/" + t.name, &t.tensor);
    for (const NamedTensor& t : samples[i].outputs)
      tensors.emplace_back(std::to_string(i) + "/output/" + t.name, &t.tensor);
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
      return corrupt("expected samples named INDEX/input/NAME or INDEX/output/NAME, got \"" + text.substr(0, 200) +
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
