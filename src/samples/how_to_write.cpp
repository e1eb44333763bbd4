#include <algorithm>
#include <cctype>

#include "base/json.h"
#include "samples/batch.h"
#include "samples/plan.h"
#include "samples/store.h"

namespace speedster::samples {
namespace {

constexpr std::int64_t kRows = 100;

bool identifier(const std::string& name) {
  if (name.empty() || std::isdigit(static_cast<unsigned char>(name[0]))) return false;
  return std::ranges::all_of(name, [](unsigned char c) { return std::isalnum(c) || c == '_'; });
}

/// The shape of the array that holds kRows samples.
Shape stored_shape(const TensorSpec& input, const BatchAxis& batch) {
  Shape shape = {kRows * batch.size};
  const bool leading = !(batch.certain && batch.axis);
  for (std::size_t i = 0; i < input.axes.size(); ++i) {
    const Axis& axis = input.axes[i];
    if (!leading && i == *batch.axis) continue;
    shape.push_back(!axis.dynamic() ? axis.value : axis.opt.value_or(axis.min.value_or(16)));
  }
  if (leading) shape[0] = kRows;
  return shape;
}

}  // namespace

std::string python_name(const std::string& name, std::size_t k) {
  return identifier(name) ? name : "x" + std::to_string(k);
}

std::string how_to_write(const Signature& signature) {
  const auto batches = batch_axes(signature, {});
  std::string text = "The model's inputs:\n";
  for (const TensorSpec& input : signature.inputs) text += "  " + describe(input) + "\n";
  text += "numpy lines that write a valid file (" + std::to_string(kRows) +
          " samples along axis 0; the zeros are yours to fill):\n  import numpy as np\n";
  bool numpy = true;
  std::string arguments, dictionary;
  for (std::size_t k = 0; k < signature.inputs.size() && batches.ok(); ++k) {
    const TensorSpec& input = signature.inputs[k];
    const std::string variable = python_name(input.name, k);
    std::string sizes;
    for (std::int64_t size : stored_shape(input, (*batches)[k]))
      sizes += (sizes.empty() ? "" : ", ") + std::to_string(size);
    if (sizes.find(',') == std::string::npos) sizes += ',';
    const bool known = !info(input.dtype).numpy.empty();
    numpy = numpy && known;
    text += "  " + variable + " = np.zeros((" + sizes + "), dtype=" + (known ? "np." : "ml_dtypes.") +
            std::string(name(input.dtype)) + ")\n";
    if (identifier(input.name))
      arguments += ", " + input.name + "=" + input.name;
    else
      dictionary += (dictionary.empty() ? "" : ", ") + to_text(Json(input.name)) + ": " + variable;
  }
  if (numpy) {
    text += "  np.savez(\"samples.npz\"" + arguments + (dictionary.empty() ? "" : ", **{" + dictionary + "}") + ")";
  } else {
    text += "numpy files have no bfloat16 and float8: save the arrays by these names with safetensors.numpy.save_file.";
  }
  return text;
}

}  // namespace speedster::samples
