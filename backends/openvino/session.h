/// A loaded model: one compiled model that all contexts share, its ports and signature.
#pragma once
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "openvino/api.h"
#include "support/options.h"
#include "support/shape_memory.h"
#include "support/tensor.h"

namespace speedster::openvino {

/// The opened library and its core object.
class Runtime {
 public:
  explicit Runtime(const std::string& library);
  const Api& api() const { return api_; }
  const ov_core_t* core() const { return core_.get(); }
  /// The words of the CPU's OPTIMIZATION_CAPABILITIES: FP32, BF16, INT8, …
  std::set<std::string> capabilities() const;

 private:
  Api api_;
  Owned<ov_core_t> core_ = nothing<ov_core_t>();
};

/// What is told of the artifact without the vendor.
struct Artifact {
  std::filesystem::path path;
  std::string format;                                    ///< "onnx", "openvino-ir"
  std::vector<std::string> files;                        ///< relative to its folder
  std::vector<bool> value_dependent;                     ///< for each output
  std::vector<std::string> inputs, outputs;              ///< names in order, where the format gives them
  std::map<std::string, std::vector<std::string>> axes;  ///< symbolic axes by name of the input or output
  std::set<std::string> rounded;  ///< "int8", "f16", "bf16": kinds that stored weights were rounded to
  std::uint64_t weight_bytes = 0;
  bool free_axes = false;  ///< an input has an axis without a fixed extent
};
/// Looks at the file, refuses what is broken or cannot be run. `format` empty: told from the content.
Artifact inspect(const std::filesystem::path& path, const std::string& format = {});

/// Copies the artifact's files as model.onnx or model.xml into `directory`; the payload comes first.
std::vector<std::string> copy_artifact(const Artifact& artifact, const std::filesystem::path& directory);

class Session : public std::enable_shared_from_this<Session> {
 public:
  using Port = Owned<ov_output_const_port_t>;

  /// `measured`: per-node times are taken, which costs time in each execution; so they are with the option `inspect`.
  Session(std::shared_ptr<const Runtime> runtime, Artifact artifact, const plugin::OptionValues& options,
          bool measured = false);

  const Api& api() const { return runtime_->api(); }
  ov_compiled_model_t* get() const { return compiled_.get(); }
  /// Whether a synchronous inference that fails says so.
  bool tells_failures() const;
  const sp_signature* signature() const { return signature_->get(); }
  const ov_output_const_port_t* input(std::size_t i) const { return inputs_[i].get(); }
  const ov_output_const_port_t* output(std::size_t i) const { return outputs_[i].get(); }
  plugin::ShapeMemory& shapes() { return *shapes_; }
  /// The input shapes that a context planned last; empty where none did.
  std::vector<plugin::Shape> last_shapes() const;
  void note_shapes(std::vector<plugin::Shape> shapes);
  /// The same model and options with per-node times: this one if it takes them.
  std::shared_ptr<Session> measured();
  /// Executes the measured one once (on the first call; the answer is kept).
  std::string stats();

 private:
  std::vector<Property> properties() const;
  std::int64_t streams() const;
  plugin::TensorSpec describe_port(const ov_output_const_port_t* port, const std::string& name, bool input) const;
  std::string port_name(const ov_output_const_port_t* port, std::size_t index, bool input) const;
  bool has_name(const std::string& name, bool input) const;

  std::shared_ptr<const Runtime> runtime_;
  Artifact artifact_;
  plugin::OptionValues options_;
  bool measured_;
  Owned<ov_compiled_model_t> compiled_ = nothing<ov_compiled_model_t>();
  std::vector<Port> inputs_, outputs_;
  std::unique_ptr<plugin::SignatureStorage> signature_;
  std::unique_ptr<plugin::ShapeMemory> shapes_;
  mutable std::mutex last_shapes_mutex_;
  std::vector<plugin::Shape> last_shapes_;
  std::mutex stats_mutex_;
  std::string stats_;
};

}  // namespace speedster::openvino
