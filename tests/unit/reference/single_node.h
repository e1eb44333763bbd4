/// Runs one operator on given values.
#pragma once
#include "conformance/harness.h"

namespace speedster::reference_test {

using conformance::Context;
using conformance::Extents;
using conformance::HostTensor;
using conformance::Instance;
using conformance::Model;
using conformance::near;
using conformance::Options;
using conformance::random_tensor;
using conformance::save;
using conformance::Status;
using conformance::suite;
using conformance::take;
using conformance::tensor;
using conformance::tested;
using testing::Attribute;
using testing::Attributes;
using testing::OnnxType;
using testing::OnnxWriter;

inline OnnxType onnx_type(DLDataType dtype) {
  using Key = std::pair<int, int>;
  static const std::map<Key, OnnxType> table = {
      {{kDLFloat, 32}, OnnxType::kFloat},     {{kDLFloat, 64}, OnnxType::kDouble}, {{kDLFloat, 16}, OnnxType::kFloat16},
      {{kDLBfloat, 16}, OnnxType::kBFloat16}, {{kDLInt, 8}, OnnxType::kInt8},      {{kDLInt, 32}, OnnxType::kInt32},
      {{kDLInt, 64}, OnnxType::kInt64},       {{kDLUInt, 8}, OnnxType::kUInt8},    {{kDLUInt, 64}, OnnxType::kUInt64},
      {{kDLBool, 8}, OnnxType::kBool}};
  return table.at({dtype.code, dtype.bits});
}

/// A node of `op`; an input without a dtype (bits 0) is absent. Outputs have the given types.
struct SingleNode {
  std::string op;
  std::vector<HostTensor> inputs;
  Attributes attributes = {};
  std::vector<OnnxType> outputs = {OnnxType::kFloat};
  std::int64_t opset = 18;
  std::string domain = {};

  Status run(std::vector<HostTensor>& results) {
    OnnxWriter writer(opset);
    if (!domain.empty()) writer.domain(domain, 1);
    std::vector<std::string> in, out;
    std::vector<HostTensor> bound;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      in.push_back(inputs[i].dtype.bits == 0 ? "" : "in" + std::to_string(i));
      if (in.back().empty()) continue;
      testing::Dims dims;
      for (const std::int64_t extent : inputs[i].shape) dims.push_back(extent);
      writer.input(in.back(), onnx_type(inputs[i].dtype), dims);
      bound.push_back(inputs[i]);
    }
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      out.push_back("out" + std::to_string(i));
      writer.unranked_output(out.back(), outputs[i]);
    }
    writer.node(op, in, out, attributes, {}, domain);
    Model model;
    if (Status status = tested().load(save(writer, "single_node"), {}, model); !status.ok()) return status;
    Context context;
    if (Status status = context.open(model); !status.ok()) return status;
    return context.run(bound, results);
  }
  /// The first output; fails the test where the node fails.
  HostTensor operator()() {
    std::vector<HostTensor> results;
    EXPECT_OK(run(results));
    return results.empty() ? HostTensor() : results.front();
  }
  /// The failure.
  Status status() {
    std::vector<HostTensor> results;
    return run(results);
  }
};

inline HostTensor absent() { return {DLDataType{0, 0, 0}, {}, 0}; }
inline HostTensor floats(const Extents& shape, const std::vector<float>& values) {
  return tensor<float>(shape, values);
}
inline HostTensor longs(const Extents& shape, const std::vector<std::int64_t>& values) {
  return tensor<std::int64_t>(shape, values);
}
inline HostTensor bools(const Extents& shape, const std::vector<std::uint8_t>& values) {
  HostTensor result = tensor<std::uint8_t>(shape, values);
  result.dtype = {kDLBool, 8, 1};
  return result;
}

#define EXPECT_TENSOR(actual, expected) EXPECT_TRUE(near(actual, expected, 1e-6, 1e-6))

}  // namespace speedster::reference_test
