#include "samples/npy.h"

#include <algorithm>
#include <array>
#include <limits>
#include <optional>
#include <string_view>

#include "base/text.h"

namespace speedster::samples {
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr std::size_t kMaxHeader = 10000;  // numpy's own limit (max_header_size)
constexpr std::size_t kMaxRank = 32;

/// The subset of Python literals that numpy writes: {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }
class Dictionary {
 public:
  explicit Dictionary(std::string_view text) : text_(text) {}

  struct Values {
    std::string descr;
    bool fortran_order = false;
    Shape shape;
  };

  /// What was expected where the text leaves the grammar.
  std::string expected;

  std::optional<Values> parse() {
    Values values;
    unsigned seen = 0;
    if (!take('{')) return fail("{");
    while (!take('}')) {
      const auto key = quoted();
      if (!key || !take(':')) return fail("a key");
      const unsigned bit = *key == "descr" ? 1U : *key == "fortran_order" ? 2U : *key == "shape" ? 4U : 0U;
      if (bit == 0 || (seen & bit) != 0) return fail("descr, fortran_order and shape once each");
      seen |= bit;
      if (bit == 1) {
        auto descr = quoted();
        if (!descr) return fail("one element type (records are not supported)");
        values.descr = std::move(*descr);
      } else if (bit == 2) {
        values.fortran_order = word("True");
        if (!values.fortran_order && !word("False")) return fail("True or False");
      } else if (!tuple(values.shape)) {
        return fail("a tuple of sizes");
      }
      if (!take(',') && peek() != '}') return fail("a comma");
    }
    if (seen != 7 || peek() != '\0') return fail("descr, fortran_order and shape and nothing after them");
    return values;
  }

 private:
  char peek() {
    while (!text_.empty() && (text_.front() == ' ' || text_.front() == '\n')) text_.remove_prefix(1);
    return text_.empty() ? '\0' : text_.front();
  }
  bool take(char c) {
    if (peek() != c) return false;
    text_.remove_prefix(1);
    return true;
  }
  bool word(std::string_view w) {
    peek();
    if (!text_.starts_with(w)) return false;
    text_.remove_prefix(w.size());
    return true;
  }
  std::optional<std::string> quoted() {
    const char quote = peek();
    if (quote != '\'' && quote != '"') return std::nullopt;
    const std::size_t end = text_.find(quote, 1);
    if (end == std::string_view::npos) return std::nullopt;
    std::string inner(text_.substr(1, end - 1));
    if (inner.find('\\') != std::string::npos) return std::nullopt;
    text_.remove_prefix(end + 1);
    return inner;
  }
  bool tuple(Shape& shape) {
    if (!take('(')) return false;
    while (!take(')')) {
      peek();
      const std::size_t digits = std::min(text_.find_first_not_of("0123456789"), text_.size());
      const auto size = parse_number<std::int64_t>(text_.substr(0, digits));
      if (!size || shape.size() == kMaxRank) return false;
      shape.push_back(*size);
      text_.remove_prefix(digits);
      if (!take(',') && peek() != ')') return false;
    }
    return true;
  }
  std::optional<Values> fail(std::string what) {
    expected = std::move(what);
    return std::nullopt;
  }

  std::string_view text_;
};

/// The dtype of a descr, or the error that says how to get one.
Result<DType> dtype_of(const std::string& descr, const std::string& who) {
  const std::string wrong = "[samples] expected numbers in " + who + ", got ";
  if (descr.size() < 2) return Error(ErrorKind::kBadInput, wrong + "dtype '" + descr + "'");
  const char order = descr[0], kind = descr[1];
  const bool one_byte = descr.ends_with('1') && descr.size() == 3;
  for (const DTypeInfo& row : kDTypes) {
    if (row.numpy.empty() || row.numpy.substr(1) != std::string_view(descr).substr(1)) continue;
    if (order == '<' || order == '=' || (order == '|' && one_byte) || one_byte) return row.dtype;
    if (order == '>')
      return Error(ErrorKind::kBadInput,
                   wrong + "big-endian ones ('" + descr + "'); try x = x.astype(x.dtype.newbyteorder('<'))");
  }
  if (kind == 'O')
    return Error(ErrorKind::kBadInput,
                 wrong +
                     "Python objects, and a pickle is never loaded; try one array a sample, NAME.0, "
                     "NAME.1, …, where samples differ in shape");
  if (kind == 'U' || kind == 'S')
    return Error(ErrorKind::kBadInput, wrong + "text; try to encode it as the model wants it");
  if (kind == 'V')
    return Error(ErrorKind::kBadInput,
                 wrong + "raw bytes ('" + descr + "'); try a safetensors file, which has bfloat16 and float8");
  return Error(ErrorKind::kBadInput, wrong + "dtype '" + descr + "'; try x.astype(np.float32)");
}

}  // namespace

Result<NpyHeader> read_npy_header(Stream& stream, const std::string& who) {
  std::array<std::byte, 8> start;
  SPEEDSTER_TRY(stream.read(start));
  const auto byte = [&](std::size_t i) { return std::to_integer<unsigned>(start[i]); };
  if (!std::ranges::equal(std::span(start).first(kMagic.size()), std::as_bytes(std::span(kMagic))) || byte(6) < 1 ||
      byte(6) > 3)
    return Error(ErrorKind::kBadInput,
                 "[samples] expected an npy array of version 1 to 3 in " + who + ", got something else");
  std::array<std::byte, 4> size{};
  const std::size_t size_bytes = byte(6) == 1 ? 2 : 4;
  SPEEDSTER_TRY(stream.read(std::span(size).first(size_bytes)));
  std::size_t length = 0;
  for (std::size_t i = 0; i < size_bytes; ++i) length |= std::to_integer<std::size_t>(size[i]) << (8 * i);
  if (length > kMaxHeader)
    return Error(ErrorKind::kBadInput, "[samples] expected an npy header of at most 10000 bytes in " + who + ", got " +
                                           std::to_string(length));
  std::string text(length, '\0');
  SPEEDSTER_TRY(stream.read(std::as_writable_bytes(std::span(text))));

  Dictionary dictionary(text);
  auto values = dictionary.parse();
  if (!values)
    return Error(ErrorKind::kBadInput,
                 "[samples] expected " + dictionary.expected + " in the npy header of " + who + ", got something else");
  NpyHeader header;
  SPEEDSTER_ASSIGN(header.dtype, dtype_of(values->descr, who));
  header.shape = std::move(values->shape);
  header.fortran_order = values->fortran_order;
  header.header_bytes = start.size() + size_bytes + length;
  const auto count = element_count(header.shape);
  if (!count ||
      *count > std::numeric_limits<std::int64_t>::max() / 2 / static_cast<std::int64_t>(byte_size(header.dtype)))
    return Error(ErrorKind::kBadInput,
                 "[samples] expected a size that fits in memory in " + who + ", got " + to_string(header.shape));
  header.data_bytes = static_cast<std::uint64_t>(*count) * byte_size(header.dtype);
  return header;
}

Result<std::string> make_npy_header(DType dtype, const Shape& shape) {
  const std::string_view descr = info(dtype).numpy;
  if (descr.empty())
    return Error(ErrorKind::kUnsupported, "[samples] expected a dtype that numpy has, got " + std::string(name(dtype)) +
                                              "; try a safetensors file");
  std::string text = "{'descr': '" + std::string(descr) + "', 'fortran_order': False, 'shape': (";
  for (std::size_t i = 0; i < shape.size(); ++i) text += (i ? ", " : "") + std::to_string(shape[i]);
  text += shape.size() == 1 ? ",), }" : "), }";
  constexpr std::size_t kFixed = 10;  // magic, version, length
  text.append((64 - (kFixed + text.size() + 1) % 64) % 64, ' ');
  text += '\n';
  std::string header(kMagic);
  header += {'\1', '\0', static_cast<char>(text.size() & 255U), static_cast<char>(text.size() >> 8U)};
  return header + text;
}

}  // namespace speedster::samples
