#include <onnx-ml.pb.h>

#include <optional>

#include "base/files.h"
#include "onnx/skeleton.h"
#include "onnx/state.h"
#include "onnx/storage.h"

namespace speedster::onnx_model {
namespace {

using ::onnx::TensorProto;

constexpr std::uint64_t kProtobufLimit = 2'000'000'000;  // of a message, with room for the graph
constexpr std::uint64_t kAlignment = 4096;               // of external tensors, so that runtimes can map them

/// An OutputFile that gathers small pieces and counts what it was given.
class BufferedFile {
 public:
  static Result<BufferedFile> create(const std::filesystem::path& path) {
    SPEEDSTER_ASSIGN(OutputFile file, OutputFile::create(path, "onnx"));
    return BufferedFile(std::move(file));
  }

  Result<void> append(std::span<const std::byte> bytes) {
    if (buffer_.size() + bytes.size() > kBuffer) SPEEDSTER_TRY(flush());
    written_ += bytes.size();
    if (bytes.size() >= kBuffer) return file_.write(bytes);
    buffer_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    return {};
  }
  Result<void> append(std::string_view text) { return append(std::as_bytes(std::span(text))); }
  std::uint64_t written() const { return written_; }

  Result<void> complete() {
    SPEEDSTER_TRY(flush());
    return file_.sync();
  }
  Result<void> publish() { return file_.finish(); }

 private:
  static constexpr std::size_t kBuffer = std::size_t{256} << 10U;
  explicit BufferedFile(OutputFile file) : file_(std::move(file)) {}
  Result<void> flush() {
    const Result<void> written = file_.write(std::as_bytes(std::span(buffer_)));
    buffer_.clear();
    return written;
  }

  OutputFile file_;
  std::string buffer_;
  std::uint64_t written_ = 0;
};

std::uint64_t varint_size(std::uint64_t value) {
  std::string text;
  append_varint(value, text);
  return text.size();
}

std::string header(std::uint64_t field, std::uint64_t length) {
  std::string text;
  append_varint(field << 3U | 2U, text);
  append_varint(length, text);
  return text;
}

/// Writes a model with all values inline, without holding them: the wire form is put together by hand around the graph,
/// its nodes and its initializers. Tensors in nodes (Constant) are held one node at a time.
class InlineWriter {
 public:
  InlineWriter(const ::onnx::ModelProto& model, const Storage& storage, BufferedFile& file)
      : model_(model), storage_(storage), file_(file) {}

  Result<void> run() {
    ::onnx::ModelProto shell = model_;
    shell.mutable_graph()->clear_node();
    shell.mutable_graph()->clear_initializer();
    SPEEDSTER_TRY(embed(shell));  // sparse initializers and functions are held as well
    ::onnx::GraphProto graph_shell;
    graph_shell.Swap(shell.mutable_graph());
    shell.clear_graph();
    // In the order of the fields' numbers, as protobuf itself writes them: OpenVINO 2026.4 takes a file for ONNX only
    // where the first three fields are of three kinds, and there may be several operator sets.
    ::onnx::ModelProto behind;
    behind.mutable_opset_import()->Swap(shell.mutable_opset_import());
    behind.mutable_metadata_props()->Swap(shell.mutable_metadata_props());
    behind.mutable_training_info()->Swap(shell.mutable_training_info());
    behind.mutable_functions()->Swap(shell.mutable_functions());

    const std::string graph_rest = graph_shell.SerializeAsString();
    std::uint64_t graph_bytes = graph_rest.size();
    for (const auto& node : model_.graph().node()) {
      SPEEDSTER_ASSIGN(const ::onnx::NodeProto whole, embedded(node));
      graph_bytes += field_bytes(whole.ByteSizeLong());
    }
    for (const TensorProto& tensor : model_.graph().initializer()) {
      SPEEDSTER_ASSIGN(const std::uint64_t bytes, tensor_bytes(tensor));
      graph_bytes += field_bytes(bytes);
    }
    SPEEDSTER_TRY(file_.append(shell.SerializeAsString()));
    SPEEDSTER_TRY(file_.append(header(7, graph_bytes)));
    for (const auto& node : model_.graph().node()) {
      SPEEDSTER_ASSIGN(const ::onnx::NodeProto whole, embedded(node));
      SPEEDSTER_TRY(file_.append(header(1, whole.ByteSizeLong())));
      SPEEDSTER_TRY(file_.append(whole.SerializeAsString()));
    }
    for (const TensorProto& tensor : model_.graph().initializer()) SPEEDSTER_TRY(write(tensor));
    SPEEDSTER_TRY(file_.append(graph_rest));
    return file_.append(behind.SerializeAsString());
  }

 private:
  // Both graph fields used here (1 and 5) have a tag of one byte.
  static std::uint64_t field_bytes(std::uint64_t length) { return 1 + varint_size(length) + length; }

  static TensorProto shell_of(const TensorProto& tensor) {
    TensorProto shell = tensor;
    clear_values(shell);
    return shell;
  }

  Result<std::uint64_t> tensor_bytes(const TensorProto& tensor) const {
    if (!is_stored_outside(tensor)) return static_cast<std::uint64_t>(tensor.ByteSizeLong());
    SPEEDSTER_ASSIGN(const std::uint64_t bytes, storage_.size(tensor));
    return shell_of(tensor).ByteSizeLong() + field_bytes(bytes);
  }

  Result<void> write(const TensorProto& tensor) {
    SPEEDSTER_ASSIGN(const std::uint64_t bytes, tensor_bytes(tensor));
    SPEEDSTER_TRY(file_.append(header(5, bytes)));
    if (!is_stored_outside(tensor)) return file_.append(tensor.SerializeAsString());
    SPEEDSTER_ASSIGN(const std::uint64_t values, storage_.size(tensor));
    SPEEDSTER_TRY(file_.append(shell_of(tensor).SerializeAsString()));
    SPEEDSTER_TRY(file_.append(header(9, values)));
    return storage_.stream(tensor, [&](std::span<const std::byte> piece) { return file_.append(piece); });
  }

  template <typename Owner>
  Result<void> embed(Owner& owner) const {
    std::optional<Error> failure;
    visit_tensors(owner, [&](TensorProto& tensor) {
      if (!is_stored_outside(tensor)) return true;
      std::string raw;
      auto streamed = storage_.stream(tensor, [&](std::span<const std::byte> piece) -> Result<void> {
        raw.append(reinterpret_cast<const char*>(piece.data()), piece.size());
        return {};
      });
      if (!streamed) failure = std::move(streamed).error();
      clear_values(tensor);
      tensor.set_raw_data(std::move(raw));
      return !failure;
    });
    if (failure) return *std::move(failure);
    return {};
  }
  Result<::onnx::NodeProto> embedded(const ::onnx::NodeProto& node) const {
    ::onnx::NodeProto whole = node;
    SPEEDSTER_TRY(embed(whole));
    return whole;
  }

  const ::onnx::ModelProto& model_;
  const Storage& storage_;
  BufferedFile& file_;
};

/// Moves every tensor of 1 KiB and more into the data file and leaves a reference in the proto.
Result<void> write_external(::onnx::ModelProto& model, const Storage& storage, const std::string& name,
                            BufferedFile& file) {
  std::optional<Error> failure;
  const auto move_out = [&](TensorProto& tensor) -> Result<void> {
    if (tensor.data_type() == TensorProto::STRING) return {};
    SPEEDSTER_ASSIGN(const std::uint64_t bytes, storage.size(tensor));
    if (bytes < kSpillBytes && !is_stored_outside(tensor)) return {};
    SPEEDSTER_TRY(file.append(
        std::string(static_cast<std::size_t>((kAlignment - file.written() % kAlignment) % kAlignment), '\0')));
    const std::uint64_t offset = file.written();
    SPEEDSTER_TRY(storage.stream(tensor, [&](std::span<const std::byte> piece) { return file.append(piece); }));
    clear_values(tensor);
    tensor.set_data_location(TensorProto::EXTERNAL);
    const std::pair<const char*, std::string> entries[] = {
        {"location", name}, {"offset", std::to_string(offset)}, {"length", std::to_string(bytes)}};
    for (const auto& [key, value] : entries) {
      auto* entry = tensor.add_external_data();
      entry->set_key(key);
      entry->set_value(value);
    }
    return {};
  };
  visit_tensors(model, [&](TensorProto& tensor) {
    if (auto moved = move_out(tensor); !moved) failure = std::move(moved).error();
    return !failure;
  });
  if (failure) return *std::move(failure);
  return {};
}

}  // namespace

Result<void> OnnxModel::save(const std::filesystem::path& path, std::uint64_t inline_limit) const {
  SPEEDSTER_ASSIGN(BufferedFile file, BufferedFile::create(path));
  if (weight_bytes() <= std::min(inline_limit, kProtobufLimit)) {
    SPEEDSTER_TRY(InlineWriter(proto(), state_->storage, file).run());
    SPEEDSTER_TRY(file.complete());
    return file.publish();
  }
  std::filesystem::path data_path = path;
  data_path += ".data";
  SPEEDSTER_ASSIGN(BufferedFile data, BufferedFile::create(data_path));
  ::onnx::ModelProto model = proto();
  SPEEDSTER_TRY(write_external(model, state_->storage, data_path.filename().string(), data));
  SPEEDSTER_TRY(file.append(model.SerializeAsString()));
  SPEEDSTER_TRY(data.complete());
  SPEEDSTER_TRY(file.complete());
  SPEEDSTER_TRY(data.publish());
  return file.publish();
}

}  // namespace speedster::onnx_model
