/// One caller at one entry: its bindings, its values and their pool, and the execution itself.
#pragma once
#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "reference/model.h"
#include "support/run.h"

namespace speedster::reference {

class Context {
 public:
  /// SP_NOT_FOUND for an entry that there is not.
  Context(std::shared_ptr<const Model> model, std::uint32_t entry);
  ~Context();
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  void bind_input(std::uint32_t index, const DLTensor* tensor);
  void reshape_input(std::uint32_t index, std::span<const std::int64_t> shape);
  void bind_output(std::uint32_t index, const DLTensor* tensor, std::uint64_t capacity);
  void execute(const sp_run* run);
  void output(std::uint32_t index, DLTensor& view, int* in_bound_memory);
  DLManagedTensorVersioned* take_output(std::uint32_t index);
  /// From any thread.
  void cancel() { cancel_.request(); }
  std::string profile() const;

 private:
  struct Input {
    bool bound = false;
    void* data = nullptr;
    Shape shape;
  };
  struct Output {
    void* data = nullptr;
    std::uint64_t capacity = 0;
    bool bound = false, in_bound_memory = false, taken = false;
    Value result;
    std::array<std::int64_t, kMaxRank> shape{}, strides{};  // what output() points to
  };

  const sp_tensor_info& info(std::uint32_t index, bool is_input) const;
  void run(const sp_token* token);
  void place_inputs();
  void run_step(std::size_t position, bool (*cancelled)(void*), void* user);
  void round_results(const Step& step);
  /// For Precision::kFloat64: a node's float32 inputs and outputs in double.
  void widen_inputs(const Step& step);
  void widen_results(const Step& step);
  void finish_output(std::size_t index, std::uint64_t execution);
  Value& slot(int index) { return values_[static_cast<std::size_t>(index)]; }
  /// What a slot holds: this execution's value, or the model's constant; NULL where it is absent.
  const Value* look(int index) const;

  std::shared_ptr<const Model> model_;
  const Entry& entry_;
  Pool pool_;
  std::vector<Value> values_, node_outputs_;
  std::vector<Value> wide_constants_, wide_inputs_;  // for Precision::kFloat64 only
  std::vector<const Value*> node_inputs_;
  std::vector<Input> inputs_;
  std::vector<Output> outputs_;
  std::vector<double> seconds_;  // by step of the entry
  std::uint64_t executions_ = 0;
  bool has_results_ = false;
  plugin::CancelFlag cancel_;
  std::thread worker_;
};

}  // namespace speedster::reference
