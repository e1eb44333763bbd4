#include "onnx/skeleton.h"

namespace speedster::onnx_model {
namespace {

// The messages on the way to a tensor; field numbers are those of onnx-ml.proto.
enum class Message { kModel, kGraph, kNode, kAttribute, kFunction, kSparse, kTensor, kOther };

Message child(Message parent, std::uint64_t field) {
  switch (parent) {
    case Message::kModel: return field == 7 ? Message::kGraph : field == 25 ? Message::kFunction : Message::kOther;
    case Message::kGraph:
      return field == 1    ? Message::kNode
             : field == 5  ? Message::kTensor
             : field == 15 ? Message::kSparse
                           : Message::kOther;
    case Message::kNode: return field == 5 ? Message::kAttribute : Message::kOther;
    case Message::kAttribute:
      return field == 5 || field == 10    ? Message::kTensor
             : field == 6 || field == 11  ? Message::kGraph
             : field == 22 || field == 23 ? Message::kSparse
                                          : Message::kOther;
    case Message::kFunction: return field == 7 ? Message::kNode : field == 11 ? Message::kAttribute : Message::kOther;
    case Message::kSparse: return field == 1 || field == 2 ? Message::kTensor : Message::kOther;
    default: return Message::kOther;
  }
}

constexpr std::uint64_t kRawData = 9;
constexpr std::uint64_t kExternalData = 13;
constexpr std::uint64_t kDataLocation = 14;
constexpr int kMaxSubgraphs = 16;
constexpr std::size_t kMaxMessages = 4'000'000;
constexpr std::uint64_t kMaxSkeleton = std::uint64_t{1} << 30U;

Error refuse(const std::string& what) { return {ErrorKind::kBadInput, "[onnx] expected an ONNX model, got " + what}; }

class Walker {
 public:
  explicit Walker(const ByteSource& source) : source_(source), cursor_(source) {}

  Result<Skeleton> run() {
    Skeleton skeleton;
    SPEEDSTER_TRY(walk(Message::kModel, 0, source_.size(), 0, skeleton.bytes));
    skeleton.spilled = spilled_;
    return skeleton;
  }

 private:
  Result<std::uint64_t> varint(std::uint64_t& at, std::uint64_t end) {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      const int byte = at < end ? cursor_.byte(at++) : -1;
      if (byte < 0) return refuse("a file that ends inside a number (truncated?)");
      value |= static_cast<std::uint64_t>(byte & 0x7F) << shift;
      if ((byte & 0x80) == 0) return value;
    }
    return refuse("a damaged number at byte " + std::to_string(at));
  }

  Result<void> walk(Message kind, std::uint64_t at, std::uint64_t end, int subgraphs, std::string& out) {
    if (subgraphs > kMaxSubgraphs) return refuse("subgraphs nested deeper than " + std::to_string(kMaxSubgraphs));
    if (++messages_ > kMaxMessages) return refuse("more than " + std::to_string(kMaxMessages) + " nodes and tensors");
    std::uint64_t raw_begin = 0, raw_length = 0;
    bool has_raw = false, elsewhere = false;
    while (at < end) {
      const std::uint64_t field_begin = at;
      SPEEDSTER_ASSIGN(const std::uint64_t tag, varint(at, end));
      const std::uint64_t field = tag >> 3U;
      std::uint64_t length = 0;
      switch (tag & 7U) {
        case 0: {
          SPEEDSTER_ASSIGN(const std::uint64_t value, varint(at, end));
          elsewhere |= kind == Message::kTensor && field == kDataLocation && value != 0;
          break;
        }
        case 1: length = 8; break;
        case 5: length = 4; break;
        case 2: {
          SPEEDSTER_ASSIGN(length, varint(at, end));
          break;
        }
        default: return refuse("no protobuf at byte " + std::to_string(field_begin));
      }
      if (field == 0) return refuse("no protobuf at byte " + std::to_string(field_begin));
      if (length > end - at)
        return refuse("a file that ends too early: " + std::to_string(length) + " bytes claimed at byte " +
                      std::to_string(field_begin) + ", " + std::to_string(end - at) + " there (truncated?)");
      const bool delimited = (tag & 7U) == 2;
      const Message inner = delimited ? child(kind, field) : Message::kOther;
      if (kind == Message::kTensor && delimited && field == kRawData) {
        if (has_raw) return refuse("a tensor with its data twice");
        has_raw = true, raw_begin = at, raw_length = length;
        if (length < kSpillBytes) SPEEDSTER_TRY(copy(field_begin, at + length, out));
      } else if (inner != Message::kOther) {
        std::string part;
        const int depth = subgraphs + (kind == Message::kAttribute && inner == Message::kGraph ? 1 : 0);
        SPEEDSTER_TRY(walk(inner, at, at + length, depth, part));
        append_varint(tag, out);
        append_varint(part.size(), out);
        out += part;
      } else {
        elsewhere |= kind == Message::kTensor && field == kExternalData;
        SPEEDSTER_TRY(copy(field_begin, at + length, out));
      }
      at += length;
    }
    if (has_raw && elsewhere) return refuse("a tensor with data both in the model and outside");
    if (has_raw && raw_length >= kSpillBytes) spill(raw_begin, raw_length, out);
    return {};
  }

  Result<void> copy(std::uint64_t begin, std::uint64_t end, std::string& out) {
    copied_ += end - begin;
    if (copied_ > kMaxSkeleton)
      return refuse("more than 1 GiB beside the weights' raw data; try to store the weights as raw or external data");
    return cursor_.copy(begin, end, out);
  }

  // data_location = EXTERNAL and one external_data entry.
  void spill(std::uint64_t begin, std::uint64_t length, std::string& out) {
    const std::string key = kOwnFileKey;
    const std::string value = std::to_string(begin) + ":" + std::to_string(length);
    std::string entry;
    append_varint(1U << 3U | 2U, entry), append_varint(key.size(), entry), entry += key;
    append_varint(2U << 3U | 2U, entry), append_varint(value.size(), entry), entry += value;
    append_varint(kExternalData << 3U | 2U, out), append_varint(entry.size(), out), out += entry;
    append_varint(kDataLocation << 3U, out), append_varint(1, out);
    ++spilled_;
  }

  const ByteSource& source_;
  ByteCursor cursor_;
  std::size_t messages_ = 0, spilled_ = 0;
  std::uint64_t copied_ = 0;
};

}  // namespace

void append_varint(std::uint64_t value, std::string& out) {
  for (; value >= 0x80; value >>= 7U) out.push_back(static_cast<char>(value | 0x80U));
  out.push_back(static_cast<char>(value));
}

Result<Skeleton> read_skeleton(const ByteSource& source) { return Walker(source).run(); }

}  // namespace speedster::onnx_model
