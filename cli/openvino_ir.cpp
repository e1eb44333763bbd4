#include "cli/openvino_ir.h"

#include <algorithm>
#include <cctype>
#include <vector>

#include "base/files.h"
#include "base/text.h"

namespace speedster::cli {
namespace {

constexpr std::uint64_t kMostBytes = std::uint64_t{512} << 20U;  // as the plug-in takes
constexpr std::size_t kMostTagBytes = std::size_t{1} << 20U;
constexpr std::size_t kMostTypes = 4096, kMostTensors = 1024, kMostRank = 32, kMostNameBytes = 256;

constexpr std::pair<std::string_view, DType> kElementTypes[] = {
    {"f32", DType::kFloat32},       {"f16", DType::kFloat16},
    {"bf16", DType::kBFloat16},     {"f64", DType::kFloat64},
    {"i8", DType::kInt8},           {"u8", DType::kUInt8},
    {"i16", DType::kInt16},         {"u16", DType::kUInt16},
    {"i32", DType::kInt32},         {"u32", DType::kUInt32},
    {"i64", DType::kInt64},         {"u64", DType::kUInt64},
    {"boolean", DType::kBool},      {"f8e4m3", DType::kFloat8E4M3FN},
    {"f8e5m2", DType::kFloat8E5M2}, {"fp32", DType::kFloat32},
    {"fp16", DType::kFloat16},      {"fp64", DType::kFloat64},
    {"bool", DType::kBool},
};

/// By the names of <data> and, in capitals, of <port>.
std::optional<DType> element_type(std::string text) {
  std::ranges::transform(text, text.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  for (const auto& [name, dtype] : kElementTypes)
    if (name == text) return dtype;
  return std::nullopt;
}

std::string unescape(std::string_view text) {
  static constexpr std::pair<std::string_view, char> kEntities[] = {
      {"&lt;", '<'}, {"&gt;", '>'}, {"&amp;", '&'}, {"&quot;", '"'}, {"&apos;", '\''}};
  std::string result;
  while (!text.empty()) {
    const auto* entity = std::ranges::find_if(kEntities, [&](const auto& row) { return text.starts_with(row.first); });
    const bool found = entity != std::end(kEntities);
    result += found ? entity->second : text.front();
    text.remove_prefix(found ? entity->first.size() : 1);
  }
  return result;
}

/// One tag: "name", "/name" where it closes, and its attributes in order.
class Tag {
 public:
  /// False where it is not `name key="value" …`.
  bool parse(std::string_view text) {
    attributes_.clear();
    closes_itself_ = text.ends_with('/');
    if (closes_itself_) text.remove_suffix(1);
    const std::size_t end = std::min(text.find_first_of(kSpace), text.size());
    name_ = text.substr(0, end);
    text.remove_prefix(end);
    while (true) {
      text.remove_prefix(std::min(text.find_first_not_of(kSpace), text.size()));
      if (text.empty()) return !name_.empty();
      const std::size_t equal = text.find('=');
      if (equal == std::string_view::npos || equal == 0) return false;
      const std::string_view key = trim(text.substr(0, equal));
      text = text.substr(equal + 1);
      text.remove_prefix(std::min(text.find_first_not_of(kSpace), text.size()));
      if (text.empty() || (text[0] != '"' && text[0] != '\'')) return false;
      const std::size_t close = text.find(text[0], 1);
      if (close == std::string_view::npos) return false;
      attributes_.emplace_back(key, text.substr(1, close - 1));
      text.remove_prefix(close + 1);
    }
  }
  const std::string& name() const { return name_; }
  bool closes_itself() const { return closes_itself_; }
  std::string attribute(std::string_view key) const {
    for (const auto& [name, value] : attributes_)
      if (name == key) return unescape(value);
    return {};
  }

 private:
  static constexpr std::string_view kSpace = " \t\r\n";
  std::string name_;
  std::vector<std::pair<std::string, std::string>> attributes_;
  bool closes_itself_ = false;
};

/// The tags of a file one after another. What stands in text, comments, CDATA and processing instructions is no tag.
class Tags {
 public:
  explicit Tags(UniqueFd fd, fs::path path)
      : fd_(std::move(fd)), path_(std::move(path)), buffer_(std::size_t{64} << 10U) {}

  /// False at the end.
  Result<bool> next(Tag& tag) {
    while (true) {
      before_.clear();
      SPEEDSTER_ASSIGN(const bool more, skip_until("<", &before_));
      if (!more) return false;
      text_.clear();
      char quote = 0;
      while (true) {
        SPEEDSTER_ASSIGN(const int c, get());
        if (c < 0) return damaged("a tag that does not end");
        if (c == '>' && quote == 0) break;
        if (quote == 0 && (c == '"' || c == '\''))
          quote = static_cast<char>(c);
        else if (c == quote)
          quote = 0;
        if (c == '<' && quote == 0) return damaged("a tag inside a tag");
        text_ += static_cast<char>(c);
        if (text_.size() > kMostTagBytes) return damaged("a tag of more than 1 MiB");
        if (is_skipped()) break;
      }
      if (!is_skipped()) break;
      SPEEDSTER_ASSIGN(const bool ended, skip_until(text_[0] == '?' ? "?>" : text_ == "!--" ? "-->" : "]]>"));
      if (!ended) return damaged("a comment that does not end");
    }
    if (text_.starts_with('!')) return damaged("a declaration");
    if (!tag.parse(text_)) return damaged("a tag without plain attributes");
    return true;
  }

  /// The start of the text right before the tag.
  std::string_view before() const { return trim(before_); }

  Error damaged(const std::string& got) const {
    return {ErrorKind::kBadInput, "[inspect] expected an OpenVINO IR (model.xml), got " + got + " in " +
                                      path_.string() + "; try to convert the model again"};
  }

 private:
  bool is_skipped() const { return text_ == "?" || text_ == "!--" || text_ == "![CDATA["; }

  /// The next byte, -1 at the end.
  Result<int> get() {
    if (at_ == filled_) {
      SPEEDSTER_ASSIGN(filled_, read_some(fd_.get(), buffer_, path_));
      at_ = 0;
      if (filled_ == 0) return -1;
    }
    return std::to_integer<int>(buffer_[at_++]);
  }

  /// Past the next `mark`; false where there is none. `start` receives a few bytes of what is skipped.
  Result<bool> skip_until(std::string_view mark, std::string* start = nullptr) {
    constexpr std::size_t kStart = 64;
    std::string last;
    while (last != mark) {
      SPEEDSTER_ASSIGN(const int c, get());
      if (c < 0) return false;
      if (last.size() == mark.size()) last.erase(0, 1);
      last += static_cast<char>(c);
      if (start != nullptr && last != mark && start->size() < kStart) *start += static_cast<char>(c);
    }
    return true;
  }

  UniqueFd fd_;
  fs::path path_;
  std::vector<std::byte> buffer_;
  std::size_t at_ = 0, filled_ = 0;
  std::string text_, before_;
};

/// "?,16", "1..64,3", "" (a scalar), "..." (any rank). Nothing for anything else.
std::optional<std::vector<Axis>> axes_of(std::string_view shape, bool& unknown_rank) {
  std::vector<Axis> axes;
  unknown_rank = shape == "...";
  if (unknown_rank) return axes;
  for (const std::string& piece : split(shape, ',')) {
    Axis& axis = axes.emplace_back();
    const std::string_view text = trim(piece);
    if (text == "?" || text == "-1") continue;
    if (const std::size_t range = text.find(".."); range != std::string_view::npos) {
      if (range > 0 && !(axis.min = parse_number<std::int64_t>(text.substr(0, range)))) return std::nullopt;
      if (range + 2 < text.size() && !(axis.max = parse_number<std::int64_t>(text.substr(range + 2))))
        return std::nullopt;
      continue;
    }
    const auto size = parse_number<std::int64_t>(text);
    if (!size || *size < 0 || axes.size() > kMostRank) return std::nullopt;
    axis.value = *size;
  }
  return axes;
}

/// The first of "a,b"; a comma of a name is written "\,".
std::string first_name(std::string_view names) {
  std::string name;
  for (std::size_t i = 0; i < names.size() && names[i] != ','; ++i) {
    if (names[i] == '\\' && i + 1 < names.size()) ++i;
    name += names[i];
  }
  return name;
}

class Reader {
 public:
  Result<OpenvinoIr> read(Tags& tags) {
    Tag tag;
    bool is_net = false;
    while (true) {
      SPEEDSTER_ASSIGN(const bool more, tags.next(tag));
      if (!more) break;
      if (!is_net && tag.name() != "net") return tags.damaged("<" + tag.name().substr(0, kMostNameBytes) + ">");
      if (!is_net) ir_.version = tag.attribute("version");
      is_net = true;
      if (!take(tag, tags.before())) return tags.damaged("too many or unnamed types of layers");
    }
    if (!is_net || ir_.operators.empty()) return tags.damaged("no layers");
    if (plain_ && untyped_ == 0 && !signature_.inputs.empty() && !signature_.outputs.empty())
      ir_.signature = std::move(signature_);
    return std::move(ir_);
  }

 private:
  bool take(const Tag& tag, std::string_view text) {
    const bool body = tag.name().ends_with("body");
    if (body && !tag.closes_itself()) bodies_ += tag.name().starts_with('/') ? -1 : 1;
    if (tag.name() == "layer") {
      const std::string type = tag.attribute("type");
      if (type.empty() || type.size() > kMostNameBytes) return false;
      ++ir_.operators[type];
      if (ir_.operators.size() > kMostTypes) return false;
      begin(tag, type);
    } else if (spec_ != nullptr && bodies_ == 0) {
      detail(tag, text);
    }
    return true;
  }

  /// An input is named by its port, else by its layer; an output by what the layer says of it.
  void begin(const Tag& tag, const std::string& type) {
    spec_ = nullptr;
    input_ = type == "Parameter";
    if (bodies_ != 0 || (!input_ && type != "Result")) return;
    std::vector<TensorSpec>& specs = input_ ? signature_.inputs : signature_.outputs;
    if (specs.size() == kMostTensors) {
      plain_ = false;
      return;
    }
    spec_ = &specs.emplace_back();
    ++untyped_;
    typed_ = false;
    spec_->name = input_ ? tag.attribute("name") : first_name(tag.attribute("output_names"));
    plain_ = plain_ && !spec_->name.empty();
  }

  void detail(const Tag& tag, std::string_view text) {
    if (tag.name() == "/layer") {
      spec_ = nullptr;
    } else if (input_ && tag.name() == "data") {
      const auto dtype = element_type(tag.attribute("element_type"));
      auto axes = axes_of(tag.attribute("shape"), spec_->unknown_rank);
      plain_ = plain_ && axes;
      set_type(dtype);
      if (axes) spec_->axes = *std::move(axes);
    } else if (tag.name() == "port") {
      if (input_) {
        if (std::string name = first_name(tag.attribute("names")); !name.empty()) spec_->name = std::move(name);
      } else {
        set_type(element_type(tag.attribute("precision")));
      }
    } else if (!input_ && tag.name() == "/dim") {
      const auto size = parse_number<std::int64_t>(text);
      plain_ = plain_ && size && *size >= -1 && spec_->axes.size() < kMostRank;
      if (plain_) spec_->axes.emplace_back().value = *size;
    }
  }

  void set_type(std::optional<DType> dtype) {
    plain_ = plain_ && dtype && !typed_;
    if (!plain_) return;
    spec_->dtype = *dtype;
    typed_ = true;
    --untyped_;
  }

  OpenvinoIr ir_;
  Signature signature_;
  TensorSpec* spec_ = nullptr;
  bool input_ = false, plain_ = true, typed_ = false;
  int bodies_ = 0, untyped_ = 0;
};

}  // namespace

Result<OpenvinoIr> read_openvino_ir(const fs::path& xml) {
  SPEEDSTER_ASSIGN(const std::uint64_t bytes, speedster::file_size(xml));
  SPEEDSTER_ASSIGN(UniqueFd fd, open_for_reading(xml));
  Tags tags(std::move(fd), xml);
  if (bytes > kMostBytes) return tags.damaged(std::to_string(bytes) + " bytes");
  return Reader().read(tags);
}

}  // namespace speedster::cli
