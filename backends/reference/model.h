/// A loaded model: checked, its names resolved to slots, and one plan for each entry. Immutable, used from any thread.
#pragma once
#include <atomic>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "reference/behaviour.h"
#include "reference/kernel.h"
#include "reference/onnx_file.h"

namespace speedster::reference {

/// A node with its kernel, and its values as slots (-1 absent).
struct Step {
  const Node* node;
  const Operator* op;
  std::vector<int> inputs, outputs;
};

/// What one entry runs: the nodes that its outputs need, in order.
struct Entry {
  std::string name;
  std::vector<int> steps;                  ///< indices into Model::steps
  std::vector<std::vector<int>> releases;  ///< for each of `steps`, slots that are not used after it
  std::vector<int> inputs, outputs;        ///< slots
  std::unique_ptr<plugin::SignatureStorage> signature;
};

/// The precision that float32 results are rounded to after each node; kFloat64: they are not, only the outputs are.
enum class Precision { kFloat32, kBFloat16, kFloat16, kFloat64 };

/// SP_UNSUPPORTED where operators have no kernel; all are named at once, so that one look tells what is missing.
void require_kernels(const OnnxFile& file);

class Model {
 public:
  /// SP_UNSUPPORTED: operators without a kernel (all are named) and strings; SP_INVALID: what contradicts itself.
  Model(const std::filesystem::path& path, const plugin::OptionValues& options, const Poll& poll);

  const std::vector<Entry>& entries() const { return entries_; }
  const std::vector<Step>& steps() const { return steps_; }
  const std::vector<Value>& constants() const { return constants_; }  ///< by slot; absent where it is none
  std::int64_t opset() const { return file_.opset; }
  Precision precision() const { return precision_; }
  double error() const { return error_; }
  const Fault& fault() const { return fault_; }
  Delay& delay() const { return *delay_; }
  /// Executions are numbered across all contexts, from 1.
  std::uint64_t count_execution() const { return executions_.fetch_add(1) + 1; }
  std::string stats() const;

 private:
  void resolve();
  void add_entries(const std::string& text);
  void add_entry(const std::string& name, const std::vector<std::string>& outputs);
  std::vector<Type> infer_types() const;

  OnnxFile file_;
  std::vector<Step> steps_;
  std::map<std::string, int, std::less<>> slots_;
  std::vector<Value> constants_;
  std::vector<Entry> entries_;
  Precision precision_ = Precision::kFloat32;
  double error_ = 0;
  std::string report_precision_;
  Fault fault_;
  std::unique_ptr<Delay> delay_;
  std::shared_ptr<void> ballast_;
  std::uint64_t ballast_bytes_ = 0;
  mutable std::atomic<std::uint64_t> executions_{0};
};

}  // namespace speedster::reference
