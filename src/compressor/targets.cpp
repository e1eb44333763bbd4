#include "compressor/quantize.h"

namespace speedster::compressor {

// Why each row is as it is, with the measurements: docs/design/quantization.md.
std::vector<std::string> static_targets() { return {"onnxruntime", "openvino"}; }

Result<Target> target_for(std::string_view backend, bool vnni) {
  Target target;
  target.name = backend;
  // Pairs of 8-bit products are summed in 16 bits where there is no VNNI: with 7-bit weights they fit.
  target.weight_bits = vnni ? 8 : 7;
  if (backend == "onnxruntime") {
    target.static_operators = {"Conv", "MatMul", "Gemm"};
    target.pass_through = {"Add",     "AveragePool", "Concat", "Flatten", "GlobalAveragePool", "MaxPool",
                           "Reshape", "Slice",       "Split",  "Squeeze", "Transpose",         "Unsqueeze"};
    target.quantize_outputs = true;
    target.quantize_bias = true;
    return target;
  }
  if (backend == "openvino") {
    target.static_operators = {"Conv", "ConvTranspose", "MatMul", "Gemm"};
    target.pass_through = {"Add",     "AveragePool", "Concat", "Flatten", "GlobalAveragePool", "MaxPool",
                           "Reshape", "Slice",       "Split",  "Squeeze", "Transpose",         "Unsqueeze"};
    target.quantize_outputs = true;
    target.quantize_bias = false;
    target.computed_matmul = true;
    return target;
  }
  return Error(
      ErrorKind::kUnsupported,
      "[quantize] expected a backend with a quantization table (onnxruntime, openvino), got " + std::string(backend));
}

}  // namespace speedster::compressor
