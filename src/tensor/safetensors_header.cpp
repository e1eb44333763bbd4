#include "tensor/safetensors_header.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>
#include <set>

#include "base/json.h"

static_assert(std::endian::native == std::endian::little, "tensors are little-endian in files and in memory");

namespace speedster {
namespace {

constexpr std::size_t kMaxRank = 32;

Error corrupt(const std::string& what) { return {ErrorKind::kCorrupt, "[safetensors] expected " + what}; }

/// Takes the JSON event by event: no tree of a hostile header is ever built, and a look-up per key keeps it linear.
class HeaderReader final : public nlohmann::json_sax<nlohmann::json> {
 public:
  SafetensorsHeader header;
  std::optional<Error> error;

  bool null() override { return unexpected("null"); }
  bool boolean(bool) override { return unexpected("a boolean"); }
  bool number_float(double, const std::string&) override { return unexpected("a fraction"); }
  bool binary(binary_t&) override { return unexpected("binary"); }
  bool number_integer(std::int64_t) override { return unexpected("a negative number"); }

  bool number_unsigned(std::uint64_t value) override {
    if (place_ == Place::kShape) {
      if (value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
        return unexpected("a huge dimension");
      if (entry_.shape.size() == kMaxRank) return unexpected("more than 32 dimensions");
      entry_.shape.push_back(static_cast<std::int64_t>(value));
      return true;
    }
    if (place_ == Place::kOffsets && offsets_ < 2) {
      (offsets_++ == 0 ? entry_.begin : entry_.end) = value;
      return true;
    }
    return unexpected("a number");
  }

  bool string(std::string& value) override {
    if (place_ == Place::kMetadata) {
      header.metadata[key_] = value;
      return true;
    }
    if (place_ != Place::kTensor || key_ != "dtype") return unexpected("a string");
    for (const DTypeInfo& row : kDTypes) {
      if (row.safetensors.empty() || row.safetensors != value) continue;
      entry_.dtype = row.dtype;
      return true;
    }
    error.emplace(ErrorKind::kUnsupported, "[safetensors] expected a dtype like F32, got \"" + value +
                                               "\" of tensor \"" + entry_.name + "\"; try to save it as another dtype");
    return false;
  }

  bool start_object(std::size_t) override {
    if (place_ == Place::kNothing) return go(Place::kRoot);
    if (place_ != Place::kRoot) return unexpected("an object");
    seen_ = 0;
    offsets_ = 0;
    if (key_ == "__metadata__") return go(Place::kMetadata);
    entry_ = {};
    entry_.name = key_;
    return go(Place::kTensor);
  }

  bool key(std::string& value) override {
    key_ = value;
    if (place_ == Place::kRoot) {
      if (names_.insert(value).second) return true;
      error = corrupt("distinct names, got \"" + value + "\" twice");
      return false;
    }
    if (place_ == Place::kMetadata) {
      if (!header.metadata.contains(value)) return true;
      error = corrupt("distinct metadata keys, got \"" + value + "\" twice");
      return false;
    }
    const unsigned bit = value == "dtype" ? 1U : value == "shape" ? 2U : value == "data_offsets" ? 4U : 0U;
    if (bit == 0 || (seen_ & bit) != 0) return unexpected("the key \"" + value + "\"");
    seen_ |= bit;
    return true;
  }

  bool end_object() override {
    if (place_ == Place::kTensor) {
      if (seen_ != 7 || offsets_ != 2) return unexpected("a tensor without dtype, shape or two data_offsets");
      header.tensors.push_back(std::move(entry_));
    }
    return go(place_ == Place::kRoot ? Place::kDone : Place::kRoot);
  }

  bool start_array(std::size_t) override {
    if (place_ == Place::kTensor && key_ == "shape") return go(Place::kShape);
    if (place_ == Place::kTensor && key_ == "data_offsets") return go(Place::kOffsets);
    return unexpected("an array");
  }
  bool end_array() override { return go(Place::kTensor); }

  bool parse_error(std::size_t position, const std::string&, const nlohmann::json::exception&) override {
    error = corrupt("a header in well-formed JSON, got something else at its byte " + std::to_string(position));
    return false;
  }

 private:
  enum class Place { kNothing, kRoot, kMetadata, kTensor, kShape, kOffsets, kDone };

  bool go(Place place) {
    place_ = place;
    return true;
  }
  bool unexpected(const std::string& what) {
    error = corrupt("dtype, shape and data_offsets for each tensor, got " + what + " at \"" + key_ + "\"");
    return false;
  }

  Place place_ = Place::kNothing;
  SafetensorsHeader::Entry entry_;
  std::string key_;
  unsigned seen_ = 0, offsets_ = 0;
  std::set<std::string> names_;
};

/// Bytes of a tensor, or nothing if they cannot be.
std::optional<std::uint64_t> byte_count(DType dtype, const Shape& shape) {
  const auto count = element_count(shape);
  if (!count || *count > std::numeric_limits<std::int64_t>::max() / static_cast<std::int64_t>(byte_size(dtype)))
    return std::nullopt;
  return static_cast<std::uint64_t>(*count) * byte_size(dtype);
}

/// JSON text of a string, or nothing if it is no UTF-8.
std::optional<std::string> json_text(const std::string& text) {
  try {
    return nlohmann::json(text).dump();
  } catch (const nlohmann::json::exception&) {
    return std::nullopt;
  }
}

}  // namespace

Result<SafetensorsHeader> parse_safetensors_header(std::span<const std::byte> file) {
  std::uint64_t length = 0;
  if (file.size() < sizeof length) return corrupt("a file of at least 8 bytes, got " + std::to_string(file.size()));
  std::memcpy(&length, file.data(), sizeof length);
  if (length > kMaxSafetensorsHeader || length > file.size() - sizeof length)
    return corrupt("a header of at most " +
                   std::to_string(std::min<std::uint64_t>(kMaxSafetensorsHeader, file.size() - sizeof length)) +
                   " bytes, got a length of " + std::to_string(length) + "; try to download or write the file again");
  const std::string_view text(reinterpret_cast<const char*>(file.data()) + sizeof length, length);
  if (!text.starts_with('{')) return corrupt("a header that starts with {, got something else");

  HeaderReader reader;
  const bool read = nlohmann::json::sax_parse(text, &reader);
  if (reader.error) return *std::move(reader.error);
  if (!read) return corrupt("a header in well-formed JSON, got something else");

  SafetensorsHeader header = std::move(reader.header);
  header.data_start = sizeof length + length;
  std::ranges::stable_sort(header.tensors, [](const auto& a, const auto& b) {
    return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
  });
  std::uint64_t reached = 0;
  for (const SafetensorsHeader::Entry& entry : header.tensors) {
    const auto bytes = byte_count(entry.dtype, entry.shape);
    if (!bytes || entry.end < entry.begin || entry.end - entry.begin != *bytes)
      return corrupt("data_offsets that match dtype and shape, got others for \"" + entry.name + "\" (" +
                     std::string(name(entry.dtype)) + " " + to_string(entry.shape) + ")");
    if (entry.begin != reached) return corrupt("data without hole or overlap, got one before \"" + entry.name + "\"");
    reached = entry.end;
  }
  if (reached != file.size() - header.data_start)
    return corrupt(std::to_string(reached) + " bytes of data, got " + std::to_string(file.size() - header.data_start) +
                   "; try to download or write the file again");
  return header;
}

Result<std::string> make_safetensors_header(std::vector<SafetensorsHeader::Entry>& tensors,
                                            const std::map<std::string, std::string>& metadata) {
  std::string json = "{";
  std::set<std::string_view> names;
  if (!metadata.empty()) {
    const std::string text = to_text(Json(metadata));
    json += "\"__metadata__\":" + text;
  }
  std::uint64_t offset = 0;
  for (SafetensorsHeader::Entry& entry : tensors) {
    const auto key = json_text(entry.name);
    if (!key || entry.name == "__metadata__" || !names.insert(entry.name).second)
      return Error(ErrorKind::kUsage, "[safetensors] expected distinct tensor names in UTF-8, got \"" +
                                          (key ? entry.name : "bytes that are none") + "\"");
    const std::string_view dtype = info(entry.dtype).safetensors;
    if (dtype.empty())
      return Error(ErrorKind::kUnsupported, "[safetensors] expected a dtype that the format has, got " +
                                                std::string(name(entry.dtype)) + " of \"" + entry.name + "\"");
    const auto bytes = byte_count(entry.dtype, entry.shape);
    if (!bytes || *bytes > std::numeric_limits<std::uint64_t>::max() / 4 - offset)
      return Error(ErrorKind::kUsage, "[safetensors] expected a shape that fits in memory, got " +
                                          to_string(entry.shape) + " of \"" + entry.name + "\"");
    entry.begin = offset;
    entry.end = offset += *bytes;
    if (json.size() > 1) json += ',';
    json += *key + ":{\"dtype\":\"" + std::string(dtype) + "\",\"shape\":[";
    for (std::size_t i = 0; i < entry.shape.size(); ++i) json += (i ? "," : "") + std::to_string(entry.shape[i]);
    json += "],\"data_offsets\":[" + std::to_string(entry.begin) + "," + std::to_string(entry.end) + "]}";
  }
  json += '}';
  std::uint64_t length = json.size();
  json.append((Tensor::kAlignment - (sizeof length + length) % Tensor::kAlignment) % Tensor::kAlignment, ' ');
  length = json.size();
  if (length > kMaxSafetensorsHeader)
    return Error(ErrorKind::kUsage, "[safetensors] expected a header of at most 64 MiB, got " + std::to_string(length) +
                                        " bytes; try fewer tensors in a file");
  std::string header(sizeof length, '\0');
  std::memcpy(header.data(), &length, sizeof length);
  return header + json;
}

}  // namespace speedster
