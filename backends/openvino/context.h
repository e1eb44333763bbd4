/// One caller: an infer request whose tensors look at the caller's memory.
#pragma once
#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "openvino/measure.h"
#include "openvino/session.h"
#include "support/host_context.h"

namespace speedster::openvino {

class Context final : public plugin::HostContext {
 public:
  explicit Context(std::shared_ptr<Session> session);
  /// JSON: time by node name, from executions of a measured copy on this context's inputs.
  std::string profile() const;
  /// Of the last execution; for contexts of a measured session.
  std::vector<MeasuredNode> measured_nodes() const { return read_profile(api_, request_.get()); }

 private:
  using Tensor = std::shared_ptr<ov_tensor_t>;

  void read_from(std::uint32_t input, void* data, const plugin::Shape& shape) override;
  void write_to(std::uint32_t output, void* data, const plugin::Shape& shape) override;
  void* write_to_own(std::uint32_t output, const plugin::Shape& shape) override;
  void write_anywhere(std::uint32_t output) override;
  Result result(std::uint32_t output) override;
  void confirm_shape(std::uint32_t output, const plugin::Shape& foretold) override;
  std::shared_ptr<void> give_away(std::uint32_t output) override;
  void run() override;
  void stop() override;
  void planned(const std::vector<plugin::Shape>& shapes) override;

  Tensor view(const sp_tensor_info& info, void* data, const plugin::Shape& shape) const;
  Tensor allocate(const sp_tensor_info& info, const plugin::Shape& shape) const;
  void use_for_output(std::uint32_t output, Tensor tensor);

  std::shared_ptr<Session> session_;
  const Api& api_;
  Owned<ov_infer_request_t> request_ = nothing<ov_infer_request_t>();
  std::vector<Tensor> inputs_, outputs_;   ///< what the request was given; an output that was given away is null
  std::vector<bool> replaced_;             ///< the request has a tensor of ours for this output, not one of its own
  bool brief_ = false;                     ///< too brief to be worth cancelling, see run()
  std::atomic<bool> asynchronous_{false};  ///< how the latest execution runs
};

}  // namespace speedster::openvino
