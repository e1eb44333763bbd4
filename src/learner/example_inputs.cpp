#include "learner/example_inputs.h"

#include <cstring>

#include "base/files.h"
#include "package/samples.h"

namespace speedster::learner {

DLTensor to_dl(const TensorView& view) {
  DLTensor tensor{};
  tensor.data = view.data;
  tensor.device = {kDLCPU, 0};
  tensor.ndim = static_cast<std::int32_t>(view.shape.size());
  tensor.dtype = info(view.dtype).dl;
  tensor.shape = const_cast<std::int64_t*>(view.shape.data());
  return tensor;
}

Result<std::vector<NamedTensor>> example_inputs(const Learner& learner) {
  std::vector<NamedTensor> inputs;
  if (!learner.entry().samples.empty()) {
    SPEEDSTER_ASSIGN(const fs::path file, inside(learner.package(), learner.entry().samples, "learner"));
    SPEEDSTER_ASSIGN(const package::PackagedSamples packaged, package::read_samples(file, learner.signature()));
    if (!packaged.samples.empty()) {
      for (const TensorSpec& spec : learner.signature().inputs) {
        const auto given = packaged.samples.front().inputs.find(spec.name);
        if (given == packaged.samples.front().inputs.end()) continue;
        const TensorView& view = given->second;
        Tensor copy(view.dtype, Shape(view.shape.begin(), view.shape.end()));
        if (copy.bytes() != 0) std::memcpy(copy.data(), view.data, copy.bytes());
        inputs.push_back({spec.name, std::move(copy)});
      }
      return inputs;
    }
  }
  for (const TensorSpec& spec : learner.signature().inputs) {
    Shape shape;
    for (const Axis& axis : spec.axes)
      shape.push_back(axis.dynamic() ? axis.opt.value_or(axis.min.value_or(1)) : axis.value);
    Tensor zeros(spec.dtype, std::move(shape));
    std::memset(zeros.data(), 0, zeros.bytes());
    inputs.push_back({spec.name, std::move(zeros)});
  }
  return inputs;
}

Result<void> run_once(const std::shared_ptr<const Learner>& learner, const std::vector<NamedTensor>& inputs) {
  SPEEDSTER_ASSIGN(Context context, Context::create(learner));
  const std::vector<TensorSpec>& specs = learner->signature().inputs;
  for (std::uint32_t i = 0; i < specs.size(); ++i)
    for (const NamedTensor& input : inputs) {
      if (input.name != specs[i].name) continue;
      const DLTensor dl = to_dl(input.tensor.view());
      SPEEDSTER_TRY(context.bind_input(i, &dl));
    }
  return backend::take_error(context.execute(), context.who());
}

}  // namespace speedster::learner
