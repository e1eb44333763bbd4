/// One caller: an OrtIoBinding whose values look at the caller's memory.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "onnxruntime/session.h"
#include "support/host_context.h"

namespace speedster::onnxruntime {

class Context final : public plugin::HostContext {
 public:
  explicit Context(std::shared_ptr<Session> session);
  /// JSON: time by node name, from executions of a profiled session on this context's inputs.
  std::string profile() const;

 private:
  void read_from(std::uint32_t input, void* data, const plugin::Shape& shape) override;
  void write_to(std::uint32_t output, void* data, const plugin::Shape& shape) override;
  void* write_to_own(std::uint32_t output, const plugin::Shape& shape) override;
  void write_anywhere(std::uint32_t output) override;
  void collect_results() override;
  Result result(std::uint32_t output) override;
  std::shared_ptr<void> give_away(std::uint32_t output) override;
  void run() override;
  void stop() override;
  void forget_stop() override;

  Owned<OrtValue> view(const sp_tensor_info& info, void* data, const plugin::Shape& shape) const;
  void bind_value(std::uint32_t output, std::shared_ptr<OrtValue> value);

  std::shared_ptr<Session> session_;
  const Api& api_;
  Owned<OrtIoBinding> binding_ = nothing<OrtIoBinding>();
  Owned<OrtRunOptions> run_options_ = nothing<OrtRunOptions>();
  std::vector<Owned<OrtValue>> inputs_;
  std::vector<std::shared_ptr<OrtValue>> outputs_;  ///< what holds each output
};

}  // namespace speedster::onnxruntime
