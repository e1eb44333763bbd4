#include "support/onnx_scan.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <iterator>
#include <string_view>

#include "support/error.h"

namespace speedster::plugin {

namespace {

namespace fs = std::filesystem;

constexpr int kMaxDepth = 64;
constexpr std::uint64_t kMostBits = std::uint64_t{1} << 62U;

/// Bits of an element by TensorProto.DataType; 0 for strings and types that we do not know.
unsigned bits_of(int type) {
  static constexpr std::uint8_t kBits[] = {0,  32, 8,  8,   16, 16, 32, 64, 0, 8, 16, 64,
                                           32, 64, 64, 128, 16, 8,  8,  8,  8, 4, 4,  4};
  return type >= 0 && type < static_cast<int>(std::size(kBits)) ? kBits[type] : 0;
}

class MappedModel {
 public:
  MappedModel(const fs::path& path, const char* who) {
    const auto fail = [&](int code, const std::string& got) {
      throw Failure(code, std::string("[") + who + "] expected an ONNX file, got " + path.string() + ": " + got);
    };
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) fail(errno == ENOENT || errno == ENOTDIR ? SP_NOT_FOUND : SP_INVALID, std::strerror(errno));
    struct stat status{};
    const bool regular = ::fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
    size_ = regular ? static_cast<std::size_t>(status.st_size) : 0;
    if (size_ > 0) data_ = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, fd, 0);
    ::close(fd);
    if (!regular) fail(SP_INVALID, "not a regular file");
    if (size_ == 0) fail(SP_INVALID, "an empty file");
    if (data_ == MAP_FAILED) throw std::bad_alloc();
  }
  MappedModel(const MappedModel&) = delete;
  MappedModel& operator=(const MappedModel&) = delete;
  ~MappedModel() { ::munmap(data_, size_); }
  std::string_view bytes() const { return {static_cast<const char*>(data_), size_}; }

 private:
  void* data_ = MAP_FAILED;
  std::size_t size_ = 0;
};

/// Reads the fields of the messages of onnx.proto that OnnxScan asks for; everything else is stepped over.
class Scanner {
 public:
  Scanner(OnnxScan& scan, fs::path folder, const char* who) : scan_(scan), folder_(std::move(folder)), who_(who) {}

  void model(std::string_view bytes) {
    bool has_graph = false;
    each(bytes, [&](unsigned field, std::string_view payload, std::uint64_t) {
      if (field == 7) graph(payload, 0), has_graph = true;
      if (field == 25) function(payload);
    });
    if (!has_graph) corrupt("a graph");
  }

 private:
  [[noreturn]] void corrupt(const std::string& expected) const {
    throw Failure(SP_INVALID, std::string("[") + who_ + "] expected an ONNX model with " + expected +
                                  ", got other bytes; try to export the model again (corrupt, truncated or not ONNX)");
  }

  std::uint64_t varint(std::string_view& rest) const {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && !rest.empty(); shift += 7) {
      const auto byte = static_cast<unsigned char>(rest.front());
      rest.remove_prefix(1);
      value |= static_cast<std::uint64_t>(byte & 0x7FU) << shift;
      if (byte < 0x80) return value;
    }
    corrupt("numbers that end");
  }

  /// visit(field, payload, number): the payload of a length-delimited field, the number of a varint.
  template <typename Visit>
  void each(std::string_view rest, Visit&& visit) const {
    while (!rest.empty()) {
      const std::uint64_t tag = varint(rest);
      if (tag >> 3U == 0 || tag >> 32U != 0) corrupt("field numbers");
      const auto field = static_cast<unsigned>(tag >> 3U);
      std::uint64_t length = 0;
      switch (tag & 7U) {
        case 0: visit(field, std::string_view(), varint(rest)); continue;
        case 1: length = 8; break;
        case 2: length = varint(rest); break;
        case 5: length = 4; break;
        default: corrupt("wire types");
      }
      if (length > rest.size()) corrupt("fields that end inside the file");
      const std::string_view payload = rest.substr(0, length);
      rest.remove_prefix(length);
      if ((tag & 7U) == 2) visit(field, payload, 0);
    }
  }

  struct ValueInfo {
    std::string name;
    std::vector<std::string> axes;  ///< symbolic names, "" where none
    bool has_shape = false, free_axes = false;
  };

  ValueInfo value_info(std::string_view bytes) const {
    ValueInfo info;
    const auto nested = [&](std::string_view message, unsigned wanted, auto&& visit) {
      each(message, [&](unsigned field, std::string_view payload, std::uint64_t) {
        if (field == wanted) visit(payload);
      });
    };
    const auto dimension = [&](std::string_view payload) {
      std::string& axis = info.axes.emplace_back();
      bool fixed = false;
      each(payload, [&](unsigned field, std::string_view symbol, std::uint64_t) {
        if (field == 1) fixed = true;
        if (field == 2) axis = symbol;
      });
      info.free_axes |= !fixed;
    };
    nested(bytes, 1, [&](std::string_view name) { info.name = name; });
    nested(bytes, 2, [&](std::string_view type) {
      nested(type, 1, [&](std::string_view tensor) {     // TypeProto.tensor_type
        nested(tensor, 2, [&](std::string_view shape) {  // Tensor.shape
          info.has_shape = true;
          nested(shape, 1, dimension);  // TensorShapeProto.dim
        });
      });
    });
    return info;
  }

  void graph(std::string_view bytes, int depth) {
    if (depth > kMaxDepth) corrupt("graphs nested at most 64 deep");
    const bool main = depth == 0;
    std::vector<ValueInfo> inputs;
    each(bytes, [&](unsigned field, std::string_view payload, std::uint64_t) {
      switch (field) {
        case 1: {
          OnnxNode parsed = node(payload, depth);
          if (main) scan_.nodes.push_back(std::move(parsed));
          break;
        }
        case 5: {
          std::string name = tensor(payload);
          if (main) scan_.initializers.insert(std::move(name));
          break;
        }
        case 11:
          if (main) inputs.push_back(value_info(payload));
          break;
        case 12:
          if (main) {
            ValueInfo info = value_info(payload);
            if (std::find(scan_.outputs.begin(), scan_.outputs.end(), info.name) != scan_.outputs.end())
              corrupt("outputs of different names ('" + info.name + "' is there twice)");
            scan_.outputs.push_back(info.name);
            if (!info.has_shape) scan_.unranked.insert(info.name);
            scan_.axes.emplace(std::move(info.name), std::move(info.axes));
          }
          break;
        case 15: {
          std::string name = sparse_tensor(payload);
          if (main) scan_.initializers.insert(std::move(name));
          break;
        }
        default: break;
      }
    });
    for (ValueInfo& input : inputs) {
      if (scan_.initializers.contains(input.name)) continue;
      scan_.inputs.push_back(input.name);
      scan_.free_axes |= input.free_axes || !input.has_shape;
      if (!input.has_shape) scan_.unranked.insert(input.name);
      scan_.axes.emplace(std::move(input.name), std::move(input.axes));
    }
    if (main) sort_nodes();
  }

  /// Puts each node after those that feed it (the specification asks for that order, not every exporter keeps it).
  void sort_nodes() {
    std::map<std::string_view, std::size_t> makers;
    for (std::size_t i = 0; i < scan_.nodes.size(); ++i)
      for (const std::string& output : scan_.nodes[i].outputs)
        if (!output.empty()) makers.emplace(output, i);
    const std::set<std::string_view> given = [&] {
      std::set<std::string_view> names(scan_.inputs.begin(), scan_.inputs.end());
      names.insert(scan_.initializers.begin(), scan_.initializers.end());
      return names;
    }();
    const auto require_value = [&](const std::string& name) {
      if (!given.contains(name) && !makers.contains(name)) corrupt("values that are defined ('" + name + "' is not)");
    };
    std::vector<std::vector<std::size_t>> readers(scan_.nodes.size());
    std::vector<std::size_t> missing(scan_.nodes.size(), 0);
    for (std::size_t i = 0; i < scan_.nodes.size(); ++i) {
      for (const std::string& input : scan_.nodes[i].inputs) {
        if (input.empty()) continue;
        require_value(input);
        if (const auto maker = makers.find(input); maker != makers.end() && !given.contains(input)) {
          readers[maker->second].push_back(i);
          ++missing[i];
        }
      }
    }
    for (const std::string& output : scan_.outputs) require_value(output);

    std::vector<std::size_t> order;
    for (std::size_t i = 0; i < missing.size(); ++i)
      if (missing[i] == 0) order.push_back(i);
    for (std::size_t next = 0; next < order.size(); ++next)
      for (const std::size_t reader : readers[order[next]])
        if (--missing[reader] == 0) order.push_back(reader);
    if (order.size() != scan_.nodes.size()) corrupt("no node that waits for its own result");
    std::vector<OnnxNode> sorted;
    sorted.reserve(order.size());
    for (const std::size_t i : order) sorted.push_back(std::move(scan_.nodes[i]));
    scan_.nodes = std::move(sorted);
  }

  void function(std::string_view bytes) {
    each(bytes, [&](unsigned field, std::string_view payload, std::uint64_t) {
      if (field == 7) node(payload, 1);
      if (field == 11) attribute(payload, 1);
    });
  }

  OnnxNode node(std::string_view bytes, int depth) {
    OnnxNode result;
    each(bytes, [&](unsigned field, std::string_view payload, std::uint64_t) {
      switch (field) {
        case 1: result.inputs.emplace_back(payload); break;
        case 2: result.outputs.emplace_back(payload); break;
        case 4: result.op = payload; break;
        case 5: result.has_graph |= attribute(payload, depth); break;
        case 7: result.domain = payload == "ai.onnx" ? "" : payload; break;
        default: break;
      }
    });
    scan_.operators.insert(result.domain.empty() ? result.op : result.domain + "." + result.op);
    return result;
  }

  bool attribute(std::string_view bytes, int depth) {
    bool has_graph = false;
    each(bytes, [&](unsigned field, std::string_view payload, std::uint64_t) {
      if (field == 5 || field == 10) tensor(payload);
      if (field == 22 || field == 23) sparse_tensor(payload);
      if (field == 6 || field == 11) graph(payload, depth + 1), has_graph = true;
    });
    return has_graph;
  }

  /// Returns the name, which is that of its values.
  std::string sparse_tensor(std::string_view bytes) {
    std::string name;
    each(bytes, [&](unsigned field, std::string_view payload, std::uint64_t) {
      if (field == 1) name = tensor(payload);
      if (field == 2) tensor(payload);
    });
    return name;
  }

  /// Returns the name.
  std::string tensor(std::string_view bytes) {
    std::string name;
    std::map<std::string, std::string, std::less<>> external;
    std::uint64_t elements = 1;
    std::uint64_t inside = 0;
    std::uint64_t raw = 0;
    bool has_raw = false;
    int type = 0;
    const auto multiply = [&](std::uint64_t extent) {
      if (static_cast<std::int64_t>(extent) < 0 || __builtin_mul_overflow(elements, extent, &elements))
        corrupt("tensors of a possible size");
    };
    each(bytes, [&](unsigned field, std::string_view payload, std::uint64_t number) {
      switch (field) {
        case 1:
          if (payload.empty()) multiply(number);
          for (std::string_view rest = payload; !rest.empty();) multiply(varint(rest));
          break;
        case 2: type = static_cast<int>(number); break;
        case 8: name = payload; break;
        case 9:
          has_raw = true;
          raw = payload.size();
          [[fallthrough]];
        case 4:
        case 5:
        case 7:
        case 10:
        case 11: inside += payload.size(); break;
        case 13: {
          std::string_view key, value;
          each(payload, [&](unsigned part, std::string_view text, std::uint64_t) {
            if (part == 1) key = text;
            if (part == 2) value = text;
          });
          // Readers differ in which of two they believe.
          if (!external.emplace(key, value).second) corrupt("one " + std::string(key) + " of external data");
          break;
        }
        default: break;
      }
    });
    const unsigned bits = bits_of(type);
    std::uint64_t wanted = 0;
    if (bits > 0 && (__builtin_mul_overflow(elements, std::uint64_t{bits}, &wanted) || wanted > kMostBits))
      corrupt("tensors of a possible size");
    if (has_raw && bits > 0 && raw != (wanted + 7) / 8)
      corrupt("as many bytes as the shape of tensor '" + name + "' asks for (" + std::to_string((wanted + 7) / 8) +
              ", got " + std::to_string(raw) + ")");
    scan_.weight_elements[type] += elements;
    scan_.weight_bytes += inside;
    if (!external.empty()) check_external(name, external);
    return name;
  }

  void check_external(const std::string& tensor, const std::map<std::string, std::string, std::less<>>& external) {
    const auto fail = [&](int code, const std::string& expected, const std::string& got) {
      throw Failure(code, std::string("[") + who_ + "] expected " + expected + " for tensor '" + tensor + "', got " +
                              got + "; try to copy the model together with its data files");
    };
    const auto found = external.find("location");
    const std::string location = found == external.end() ? "" : found->second;
    const fs::path relative(location);
    if (location.find("_ORT_MEM_ADDR_") != std::string::npos)  // vendors' word for an address in memory
      fail(SP_INVALID, "external data in a file beside the model", "an address");
    if (location.empty() || location.find('\0') != std::string::npos || relative.is_absolute())
      fail(SP_INVALID, "external data in a file beside the model", "'" + location + "'");
    fs::path file = folder_;
    for (const fs::path& part : relative) {
      if (part == "..") fail(SP_INVALID, "external data inside the model's folder", "'" + location + "'");
      file /= part;
      std::error_code ignored;
      if (fs::is_symlink(fs::symlink_status(file, ignored)))
        fail(SP_INVALID, "external data that is no symbolic link", "'" + location + "'");
    }
    std::error_code error;
    const std::uint64_t size = fs::is_regular_file(file, error) ? fs::file_size(file, error) : 0;
    if (error || !fs::is_regular_file(file, error))
      fail(SP_NOT_FOUND, "external data in a file", "'" + location + "', not there");
    const std::uint64_t offset = number(external, "offset");
    const std::uint64_t length = number(external, "length");
    if (offset > size || length > size - offset)
      fail(SP_INVALID, std::to_string(length) + " bytes at " + std::to_string(offset) + " of '" + location + "'",
           "a file of " + std::to_string(size) + " bytes");
    scan_.weight_bytes += length;
    scan_.external_files.insert(relative.lexically_normal().string());
  }

  std::uint64_t number(const std::map<std::string, std::string, std::less<>>& external, std::string_view key) const {
    const auto found = external.find(key);
    if (found == external.end() || found->second.empty()) return 0;
    std::uint64_t value = 0;
    const std::string& text = found->second;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size()) corrupt("numbers in external data");
    return value;
  }

  OnnxScan& scan_;
  fs::path folder_;
  const char* who_;
};

}  // namespace

OnnxScan scan_onnx(const fs::path& path, const char* who) {
  const MappedModel model(path, who);
  OnnxScan scan;
  Scanner(scan, fs::absolute(path).parent_path(), who).model(model.bytes());
  return scan;
}

std::vector<std::string> copy_onnx(const fs::path& model, const OnnxScan& scan, const fs::path& directory,
                                   const char* who) {
  const auto copy = [&](const fs::path& from, const fs::path& to) {
    std::error_code error;
    fs::create_directories(to.parent_path(), error);
    if (!error) fs::copy_file(from, to, fs::copy_options::overwrite_existing, error);
    if (error)
      throw Failure(SP_INVALID, std::string("[") + who + "] expected a copy of " + from.string() + " at " +
                                    to.string() + ", got: " + error.message() + "; try another folder or free space");
  };
  if (scan.external_files.contains("model.onnx"))
    throw Failure(SP_INVALID, std::string("[") + who + "] expected external data in another file than model.onnx");
  copy(model, directory / "model.onnx");
  std::vector<std::string> files = {"model.onnx"};
  for (const std::string& file : scan.external_files) {
    copy(fs::absolute(model).parent_path() / file, directory / file);
    files.push_back(file);
  }
  return files;
}

}  // namespace speedster::plugin
