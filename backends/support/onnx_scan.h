/// What a plug-in needs to know of an ONNX file before and beside its vendor: nodes, weights by type, external files,
/// and which outputs have a shape that depends on the input's values. Tensors' data is skipped, not read; hostile
/// input.
#pragma once
#include <cstdint>
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace speedster::plugin {

struct OnnxNode {
  std::string op, domain;  ///< "" and "ai.onnx" are the standard domain
  std::vector<std::string> inputs, outputs;
  bool has_graph = false;  ///< If, Loop, Scan, …
};

struct OnnxScan {
  std::vector<OnnxNode> nodes;               ///< of the main graph, in order
  std::vector<std::string> inputs, outputs;  ///< of the main graph; inputs without those that an initializer fills
  std::map<std::string, std::vector<std::string>> axes;  ///< symbolic names by input or output, "" where none
  std::set<std::string> unranked;                        ///< inputs and outputs without a shape
  bool free_axes = false;  ///< an input has an axis without a fixed extent, or no shape at all
  std::set<std::string> initializers;
  std::set<std::string> operators;               ///< "Conv", "com.microsoft.QGemm": of all graphs and functions
  std::map<int, std::uint64_t> weight_elements;  ///< by ONNX data type, all graphs
  std::uint64_t weight_bytes = 0;                ///< of tensors inside the file and in external files
  std::set<std::string> external_files;          ///< relative to the model's folder, each there and long enough
};

/// Failures: SP_NOT_FOUND (the file, an external file), SP_INVALID (not ONNX, truncated, values that nobody defines, a
/// cycle, tensors whose data contradict their shape, an external file outside the model's folder or too short),
/// SP_MEMORY.
OnnxScan scan_onnx(const std::filesystem::path& path, const char* who);

/// For each output of the graph: may its shape depend on the *values* of the inputs? What cannot be told counts as yes.
std::vector<bool> shapes_depend_on_values(const OnnxScan& scan);

/// Copies the model and its external files to `directory`/model.onnx. Returns the files, the model first, relative.
std::vector<std::string> copy_onnx(const std::filesystem::path& model, const OnnxScan& scan,
                                   const std::filesystem::path& directory, const char* who);

}  // namespace speedster::plugin
