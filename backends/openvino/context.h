/// One caller: an infer request whose tensors look at the caller's memory. The steady state is one call of the
/// vendor's.
#pragma once
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "openvino/measure.h"
#include "openvino/session.h"
#include "support/cancel.h"
#include "support/run.h"

namespace speedster::openvino {

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
  /// JSON: time by node name, from executions of a measured copy on this context's inputs.
  std::string profile() const;
  /// Of the last execution; for contexts of a measured session.
  std::vector<MeasuredNode> measured_nodes() const { return read_profile(api_, request_.get()); }

 private:
  using Tensor = std::shared_ptr<ov_tensor_t>;
  struct Input {
    Tensor tensor;
    void* data = nullptr;
    plugin::Shape shape;
  };
  /// Whose memory an output is written to.
  enum class Mode {
    kDirect,   ///< the caller's: the shape is foretold and fits
    kKept,     ///< a tensor of ours, reused: the shape is foretold, the caller bound nothing or too little
    kRequest,  ///< the request's own, which grows: the shape is not foretold
  };
  struct Output {
    bool bound = false;
    void* data = nullptr;  ///< the caller's
    std::uint64_t capacity = 0;
    Mode mode = Mode::kRequest;
    bool replaced = false;  ///< the request has a tensor of kDirect or kKept
    Tensor tensor;
    void* result = nullptr;
    plugin::Shape shape, strides;  ///< of the last result
    bool ready = false;
  };

  const sp_tensor_info& input_info(std::uint32_t index) const;
  const sp_tensor_info& output_info(std::uint32_t index) const;
  Tensor wrap(const sp_tensor_info& info, void* data, const plugin::Shape& shape) const;
  Tensor allocate(const sp_tensor_info& info, const plugin::Shape& shape) const;
  void bind(std::uint32_t index);
  void plan();
  void plan_output(std::uint32_t index, const std::optional<plugin::Shape>& shape);
  void run_once(const sp_token* token);
  void collect();
  void fetch(std::uint32_t index);

  std::shared_ptr<Session> session_;
  const Api& api_;
  Owned<ov_infer_request_t> request_ = nothing<ov_infer_request_t>();
  std::vector<Input> inputs_;
  std::vector<Output> outputs_;
  plugin::ShapeKey key_;
  bool planned_ = false;  ///< bindings and shapes are as at the last plan()
  bool any_unforetold_ = true;
  plugin::Stopper stopper_;
  plugin::TokenWatch watch_;
  std::thread asynchronous_;
};

}  // namespace speedster::openvino
