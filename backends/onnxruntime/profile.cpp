#include "onnxruntime/profile.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <string_view>

#include "onnxruntime/api.h"
#include "support/error.h"

namespace speedster::onnxruntime {

namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr std::uint64_t kProfileLimit = std::uint64_t{256} << 20U;
constexpr std::string_view kKernelSuffix = "_kernel_time";

/// Operators that multiply in 8 bits whatever the types around them say.
constexpr std::string_view kIntegerOps[] = {
    "ConvInteger",          "DynamicQuantizeLSTM", "DynamicQuantizeMatMul",    "MatMulInteger",
    "MatMulIntegerToFloat", "QAttention",          "QEmbedLayerNormalization", "QGemm"};
constexpr std::string_view kFourBitOps[] = {"MatMulBnb4", "MatMulNBits"};
constexpr std::string_view kHeavyOps[] = {"Attention",
                                          "Conv",
                                          "ConvTranspose",
                                          "Einsum",
                                          "FusedConv",
                                          "FusedGemm",
                                          "FusedMatMul",
                                          "GRU",
                                          "Gemm",
                                          "GroupQueryAttention",
                                          "LSTM",
                                          "MatMul",
                                          "MultiHeadAttention",
                                          "NhwcFusedConv",
                                          "QLinearConv",
                                          "QLinearMatMul",
                                          "RNN"};

template <typename Table>
bool contains(const Table& table, std::string_view name) {
  return std::ranges::find(table, name) != std::end(table);
}

std::string kind_of(const ProfiledNode& node) {
  if (contains(kFourBitOps, node.op)) return "int4";
  if (node.op.starts_with("QLinear") || contains(kIntegerOps, node.op)) return "int8";
  // The lowest type that takes part decides: a node with one float16 operand computes with float16 values.
  for (const auto& [type, kind] :
       {std::pair{"float16", "f16"}, {"bfloat16", "bf16"}, {"float", "f32"}, {"double", "f64"}})
    if (contains(node.types, type)) return kind;
  return "other";
}

void add_types(const json& args, const char* key, std::vector<std::string>& types) {
  const auto found = args.find(key);
  if (found == args.end() || !found->is_array()) return;
  for (const json& tensor : *found)
    for (const auto& [type, shape] : tensor.items()) types.push_back(type);
}

std::vector<ProfiledNode> parse(const std::string& text) {
  std::vector<ProfiledNode> nodes;
  std::map<std::string, std::size_t> index;
  for (const json& event : json::parse(text)) {
    if (event.value("cat", "") != "Node" || !event.contains("args")) continue;
    std::string name = event.value("name", "");
    if (!name.ends_with(kKernelSuffix)) continue;
    name.resize(name.size() - kKernelSuffix.size());
    const auto [place, fresh] = index.emplace(name, nodes.size());
    if (fresh) {
      ProfiledNode node;
      node.name = name;
      node.op = event["args"].value("op_name", "");
      add_types(event["args"], "input_type_shape", node.types);
      add_types(event["args"], "output_type_shape", node.types);
      nodes.push_back(std::move(node));
    }
    ProfiledNode& node = nodes[place->second];
    ++node.calls;
    node.microseconds += event.value("dur", std::int64_t{0});
  }
  return nodes;
}

}  // namespace

ProfileFile::ProfileFile(const std::string& scratch) {
  std::string pattern = scratch + "/speedster-onnxruntime-XXXXXX";
  if (::mkdtemp(pattern.data()) == nullptr)
    throw plugin::Failure(SP_INVALID, "[onnxruntime] expected a folder for temporary files, got " + scratch + ": " +
                                          std::strerror(errno) + "; try another by option 'scratch'");
  folder_ = pattern;
}

ProfileFile::~ProfileFile() {
  remove_folder();
  if (fd_ >= 0) ::close(fd_);
}

std::string ProfileFile::prefix() const { return folder_ + "/profile"; }

void ProfileFile::remove_folder() {
  std::error_code ignored;
  if (!folder_.empty()) fs::remove_all(folder_, ignored);
  folder_.clear();
}

void ProfileFile::adopt() {
  std::error_code error;
  for (fs::directory_iterator it(folder_, error), end; !error && it != end && fd_ < 0; it.increment(error))
    fd_ = ::open(it->path().c_str(), O_RDONLY | O_CLOEXEC);
  remove_folder();
}

std::vector<ProfiledNode> ProfileFile::read() const {
  struct stat status{};
  if (fd_ < 0 || ::fstat(fd_, &status) != 0 || static_cast<std::uint64_t>(status.st_size) > kProfileLimit) return {};
  std::string text(static_cast<std::size_t>(status.st_size), '\0');
  if (::pread(fd_, text.data(), text.size(), 0) != static_cast<ssize_t>(text.size())) return {};
  try {
    return parse(text);
  } catch (const json::exception&) {
    return {};  // a profile in another form tells nothing, but fails no execution
  }
}

plugin::PrecisionTally tally(const std::vector<ProfiledNode>& nodes) {
  plugin::PrecisionTally result;
  for (const ProfiledNode& node : nodes) {
    if (node.op == "QuantizeLinear" || node.op == "DequantizeLinear" || node.op == "DynamicQuantizeLinear") {
      result.rounded_to("int8");
      result.node("other", false);
    } else if (node.op == "Cast") {
      // A cast computes nothing, but what it makes half as long is rounded.
      const std::string kind = kind_of(node);
      if (kind == "f16" || kind == "bf16") result.rounded_to(kind);
      result.node("other", false);
    } else {
      const std::string kind = kind_of(node);
      result.node(kind, kind == "int4" || contains(kHeavyOps, node.op) || contains(kIntegerOps, node.op));
    }
  }
  return result;
}

}  // namespace speedster::onnxruntime
