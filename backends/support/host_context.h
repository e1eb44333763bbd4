/// A context of a vendor that computes on the host, but for the vendor's own calls: bindings, whose memory an output is
/// written to, cancelling, asynchronous execution. Where an output's shape is foretold (ShapeMemory), the vendor writes
/// straight into the caller's memory and the steady state is one call of the vendor's; elsewhere the vendor owns the
/// result, which is copied if it fits. Nothing runs twice.
#pragma once
#include <speedster/backend.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "support/cancel.h"
#include "support/error.h"
#include "support/run.h"
#include "support/shape_memory.h"
#include "support/tensor.h"

namespace speedster::plugin {

class HostContext {
 public:
  HostContext(const char* who, const sp_signature& signature, ShapeMemory& shapes, StopKind kind)
      : who_(who),
        signature_(signature),
        shapes_(shapes),
        inputs_(signature.inputs),
        outputs_(signature.outputs),
        stopper_(kind, [this] { stop(); }),
        watch_(stopper_),
        faults_asked_(std::getenv("SPEEDSTER_TEST_FAULT") != nullptr) {
    find_passed();
  }
  HostContext(const HostContext&) = delete;
  HostContext& operator=(const HostContext&) = delete;
  virtual ~HostContext() = default;

  void bind_input(std::uint32_t index, const DLTensor* tensor);
  void reshape_input(std::uint32_t index, std::int32_t rank, const std::int64_t* shape);
  void bind_output(std::uint32_t index, const DLTensor* tensor, std::uint64_t capacity);
  void execute(const sp_run* run);
  void output(std::uint32_t index, DLTensor* view, int* in_bound_memory) const;
  DLManagedTensorVersioned* take_output(std::uint32_t index);
  void cancel() { stopper_.request(); }
  /// Waits for an asynchronous execution; call it before the context is destroyed.
  void finish() {
    if (asynchronous_.joinable()) asynchronous_.join();
  }

 protected:
  struct Input {
    bool bound = false;
    void* data = nullptr;  ///< never null once bound
    Shape shape;
  };
  struct Result {
    void* data = nullptr;
    Shape shape;
  };

  /// The input is read from here from now on.
  virtual void read_from(std::uint32_t input, void* data, const Shape& shape) = 0;
  /// The output has this shape and is written here from now on.
  virtual void write_to(std::uint32_t output, void* data, const Shape& shape) = 0;
  /// The output has this shape and is written to new memory of the vendor's, which is returned, from now on.
  virtual void* write_to_own(std::uint32_t output, const Shape& shape) = 0;
  /// The output's shape is not known: the vendor finds memory for it.
  virtual void write_anywhere(std::uint32_t output) = 0;
  /// Called once after an execution in which an output was written anywhere, before result().
  virtual void collect_results() {}
  /// What became of an output that was written anywhere.
  virtual Result result(std::uint32_t output) = 0;
  /// After an execution: fails where an output whose shape was foretold has another one, and so lies elsewhere.
  virtual void confirm_shape(std::uint32_t, const Shape&) {}
  /// The owner of the memory of result() or write_to_own(), given away: the vendor does not touch it again. Null where
  /// the vendor will, so that a copy must do.
  virtual std::shared_ptr<void> give_away(std::uint32_t output) = 0;
  /// Executes. Throws Failure.
  virtual void run() = 0;
  /// Ends run() from another thread.
  virtual void stop() = 0;
  /// After an execution that was stopped: the next one is not.
  virtual void forget_stop() {}
  /// The bindings or shapes have changed; shapes of all inputs.
  virtual void planned(const std::vector<Shape>&) {}

  const sp_tensor_info& input_info(std::uint32_t index) const {
    return *entry(signature_.input, signature_.inputs, index, "an input");
  }
  const sp_tensor_info& output_info(std::uint32_t index) const {
    return *entry(signature_.output, signature_.outputs, index, "an output");
  }
  /// The bound input; SP_INVALID where it is not.
  const Input& bound_input(std::uint32_t index) const {
    if (!inputs_[index].bound)
      fail(SP_INVALID, std::string("expected the input '") + input_info(index).name + "', got none bound");
    return inputs_[index];
  }
  std::uint32_t input_count() const { return signature_.inputs; }
  std::uint32_t output_count() const { return signature_.outputs; }

 private:
  enum class Mode { kDirect, kOwn, kAnywhere };
  struct Output {
    bool bound = false;
    void* data = nullptr;  ///< the caller's
    std::uint64_t capacity = 0;
    Mode mode = Mode::kAnywhere;
    bool taken = false;
    bool callers = false;  ///< the last result is in memory that was bound when it was made
    void* result = nullptr;
    Shape shape, strides;  ///< of the last result
  };

  [[noreturn]] void fail(std::int32_t code, const std::string& message) const {
    throw Failure(code, std::string("[") + who_ + "] " + message);
  }
  const sp_tensor_info* entry(const sp_tensor_info* const* table, std::uint32_t count, std::uint32_t index,
                              const char* what) const {
    if (index >= count)
      fail(SP_INVALID,
           std::string("expected ") + what + " below " + std::to_string(count) + ", got " + std::to_string(index));
    return table[index];
  }
  void set_input(std::uint32_t index, void* data, std::span<const std::int64_t> shape);
  void plan();
  void find_passed();
  void copy_passed();
  void plan_output(std::uint32_t index, const std::optional<Shape>& shape);
  void run_once(const sp_token* token);
  bool end_run(const sp_token* token);
  void collect();

  const char* who_;
  const sp_signature& signature_;
  ShapeMemory& shapes_;
  std::vector<Input> inputs_;
  std::vector<Output> outputs_;
  struct Passed {
    std::uint32_t input, output;
  };
  /// Outputs that are an input as it came (a tensor of one name and dtype on both sides). ONNX Runtime leaves memory
  /// that is bound to one unwritten, OpenVINO its dynamic shape at 0, so they are copied here, whatever the vendor
  /// does.
  std::vector<Passed> passed_;
  ShapeKey key_;
  bool planned_ = false;  ///< bindings and shapes are as at the last plan()
  bool any_anywhere_ = true;
  bool ready_ = false;  ///< the last execution succeeded
  Stopper stopper_;
  TokenWatch watch_;
  std::thread asynchronous_;
  const bool faults_asked_;  ///< looked up once: the environment is slow to search
};

}  // namespace speedster::plugin
