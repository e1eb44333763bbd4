/// One caller: an OrtIoBinding whose values look at the caller's memory. The steady state is one call of the vendor's.
#pragma once
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "onnxruntime/session.h"
#include "support/cancel.h"
#include "support/run.h"

namespace speedster::onnxruntime {

class Context {
 public:
  explicit Context(std::shared_ptr<Session> session);
  ~Context();
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  void bind_input(std::uint32_t index, const DLTensor* tensor);
  void reshape_input(std::uint32_t index, std::int32_t rank, const std::int64_t* shape);
  void bind_output(std::uint32_t index, const DLTensor* tensor, std::uint64_t capacity);
  void execute(const sp_run* run);
  void output(std::uint32_t index, DLTensor* view, int* in_bound_memory) const;
  DLManagedTensorVersioned* take_output(std::uint32_t index);
  void cancel() { stopper_.request(); }
  /// JSON: time by node name, from executions of a profiled session on this context's inputs.
  std::string profile() const;

 private:
  struct Input {
    Owned<OrtValue> value = nothing<OrtValue>();
    void* data = nullptr;
    plugin::Shape shape;
  };
  /// How an output's memory is given to the vendor.
  enum class Mode {
    kDirect,  ///< the caller's memory: the shape is foretold and fits
    kKept,    ///< a value of ours, reused: the shape is foretold, the caller bound nothing or too little
    kFresh,   ///< the vendor allocates in each execution: the shape is not foretold
  };
  struct Output {
    bool bound = false;
    void* data = nullptr;  ///< the caller's
    std::uint64_t capacity = 0;
    Mode mode = Mode::kFresh;
    std::shared_ptr<OrtValue> value;  ///< what holds the result; null where it was copied to the caller
    void* result = nullptr;
    plugin::Shape shape, strides;  ///< of the last result
    bool ready = false;
  };

  const sp_tensor_info& input_info(std::uint32_t index) const;
  const sp_tensor_info& output_info(std::uint32_t index) const;
  Owned<OrtValue> make_value(const sp_tensor_info& info, void* data, const plugin::Shape& shape) const;
  void bind(std::uint32_t index);
  void plan();
  void run_once(const sp_token* token);
  void collect();
  void finish(Output& output, std::uint32_t index, OrtValue* value);

  std::shared_ptr<Session> session_;
  const Api& api_;
  Owned<OrtIoBinding> binding_ = nothing<OrtIoBinding>();
  Owned<OrtRunOptions> run_options_ = nothing<OrtRunOptions>();
  std::vector<Input> inputs_;
  std::vector<Output> outputs_;
  plugin::ShapeKey key_;
  bool planned_ = false;  ///< bindings and shapes are as at the last plan()
  bool any_fresh_ = true;
  plugin::Stopper stopper_;
  plugin::TokenWatch watch_;
  std::thread asynchronous_;
};

}  // namespace speedster::onnxruntime
