/// Every dtype that `describe` claims goes in and comes out unharmed.
#include "conformance/harness.h"

namespace speedster::conformance {
namespace {

using testing::OnnxType;
using testing::OnnxWriter;

struct Dtype {
  OnnxType onnx;
  DLDataType dl;
};

const std::map<std::string, Dtype>& dtypes() {
  static const std::map<std::string, Dtype> table = {
      {"float32", {OnnxType::kFloat, {kDLFloat, 32, 1}}},
      {"float64", {OnnxType::kDouble, {kDLFloat, 64, 1}}},
      {"float16", {OnnxType::kFloat16, {kDLFloat, 16, 1}}},
      {"bfloat16", {OnnxType::kBFloat16, {kDLBfloat, 16, 1}}},
      {"int8", {OnnxType::kInt8, {kDLInt, 8, 1}}},
      {"int16", {OnnxType::kInt16, {kDLInt, 16, 1}}},
      {"int32", {OnnxType::kInt32, {kDLInt, 32, 1}}},
      {"int64", {OnnxType::kInt64, {kDLInt, 64, 1}}},
      {"uint8", {OnnxType::kUInt8, {kDLUInt, 8, 1}}},
      {"uint16", {OnnxType::kUInt16, {kDLUInt, 16, 1}}},
      {"uint32", {OnnxType::kUInt32, {kDLUInt, 32, 1}}},
      {"uint64", {OnnxType::kUInt64, {kDLUInt, 64, 1}}},
      {"bool", {OnnxType::kBool, {kDLBool, 8, 1}}},
      {"complex64", {OnnxType::kComplex64, {kDLComplex, 64, 1}}},
      {"complex128", {OnnxType::kComplex128, {kDLComplex, 128, 1}}},
      {"int4", {OnnxType::kInt4, {kDLInt, 4, 1}}},
      {"uint4", {OnnxType::kUInt4, {kDLUInt, 4, 1}}},
      {"float8_e4m3fn", {OnnxType::kFloat8E4M3FN, {kDLFloat8_e4m3fn, 8, 1}}},
      {"float8_e4m3fnuz", {OnnxType::kFloat8E4M3FNUZ, {kDLFloat8_e4m3fnuz, 8, 1}}},
      {"float8_e5m2", {OnnxType::kFloat8E5M2, {kDLFloat8_e5m2, 8, 1}}},
      {"float8_e5m2fnuz", {OnnxType::kFloat8E5M2FNUZ, {kDLFloat8_e5m2fnuz, 8, 1}}},
      {"float4_e2m1fn", {OnnxType::kFloat4E2M1, {kDLFloat4_e2m1fn, 4, 1}}},
  };
  return table;
}

/// Six elements whose bytes are all different, ordinary numbers in every type. Booleans are 0 and 1. A vendor that
/// computes a 64-bit integer in 32 bits says so by "narrow": {"int64": "int32"} in its description, and is then asked
/// for numbers of 32 bits alone.
HostTensor sample(DLDataType dtype, bool narrow = false) {
  HostTensor value(dtype, {3, 2}, (6 * dtype.bits + 7U) / 8U);
  for (std::size_t i = 0; i < value.bytes.size(); ++i) {
    const std::size_t place = i % std::max<std::size_t>(dtype.bits / 8U, 1);
    unsigned byte = dtype.code == kDLBool ? i % 2 : 0x21 + 3 * static_cast<unsigned>(i);
    if (narrow && place == 3) byte &= 0x7FU;  // fits in 32 bits with a sign
    if (narrow && place > 3) byte = 0;
    value.bytes[i] = static_cast<std::byte>(byte);
  }
  return value;
}

void expect_bytes(const HostTensor& actual, const HostTensor& expected) {
  EXPECT_EQ(describe(actual), describe(expected));
  EXPECT_EQ(actual.bytes, expected.bytes)
      << "expected the same bytes, or the dtype among \"narrow\" of the description";
}

void check_identity(const Dtype& dtype, const std::string& name, const Model& model) {
  const sp_signature& signature = model.signature();
  for (const sp_tensor_info* info : {signature.input[0], signature.output[0]}) {
    EXPECT_EQ(info->dtype.code, dtype.dl.code);
    EXPECT_EQ(info->dtype.bits, dtype.dl.bits);
    EXPECT_EQ(info->dtype.lanes, 1);
  }
  Context context;
  ASSERT_OK(context.open(model));
  HostTensor input = sample(dtype.dl, tested().description().value("narrow", Json::object()).contains(name)),
             room(dtype.dl, {3, 2}, input.bytes.size());
  std::vector<HostTensor> inputs = {input}, outputs;
  ASSERT_OK(context.run(inputs, outputs));
  expect_bytes(outputs[0], input);
  ASSERT_OK(context.bind_output(0, room)) << name;
  ASSERT_OK(context.execute());
  expect_bytes(room, input);
}

/// Where a vendor cannot copy a 4-bit tensor, it still takes one in and gives one out through quantization.
void check_nibbles(const Dtype& dtype, const std::string& name) {
  OnnxWriter in(21, 10), out(21, 10);
  in.input("x", dtype.onnx, {"n", 2}).output("y", OnnxType::kFloat, {"n", 2}).initializer<float>("scale", {}, {1});
  in.node("DequantizeLinear", {"x", "scale"}, {"y"});
  out.input("x", OnnxType::kFloat, {"n", 2}).output("y", dtype.onnx, {"n", 2}).initializer<float>("scale", {}, {1});
  out.initializer("zero", testing::TensorData{dtype.onnx, {}, std::string(1, '\0')})
      .node("QuantizeLinear", {"x", "scale", "zero"}, {"y"});

  const HostTensor packed = sample(dtype.dl);
  HostTensor numbers({kDLFloat, 32, 1}, {3, 2}, 24);
  for (std::size_t i = 0; i < 6; ++i) {
    const unsigned nibble =
        (std::to_integer<unsigned>(packed.bytes[i / 2]) >> (4 * (i % 2))) & 15U;  // low nibble first
    numbers.as<float>()[i] = static_cast<float>(dtype.dl.code == kDLInt && nibble >= 8 ? static_cast<int>(nibble) - 16
                                                                                       : static_cast<int>(nibble));
  }
  const auto read = run_once(tested(), save(in, "in_" + name), {packed});
  ASSERT_EQ(read.size(), 1U);
  EXPECT_TRUE(near(read[0], numbers, 0, 0));
  const auto written = run_once(tested(), save(out, "out_" + name), {numbers});
  ASSERT_EQ(written.size(), 1U);
  expect_bytes(written[0], packed);
}

TEST(Dtypes, EveryClaimedOnePasses) {
  for (const auto& claimed : tested().description()["dtypes"]) {
    const std::string name = claimed.get<std::string>();
    SCOPED_TRACE(name);
    ASSERT_TRUE(dtypes().contains(name)) << "expected a dtype that this suite knows";
    const Dtype& dtype = dtypes().at(name);
    Model model;
    const Status status = tested().load(save(testing::models::identity(dtype.onnx), "identity_" + name), {}, model);
    if (status.ok())
      check_identity(dtype, name, model);
    else if (name == "int4" || name == "uint4")
      check_nibbles(dtype, name);
    else
      ADD_FAILURE() << "expected a model with a claimed dtype to load, got " << status;
  }
}

TEST(Dtypes, UnclaimedOnesFailAtLoad) {
  const Json& claimed = tested().description()["dtypes"];
  for (const auto& [name, dtype] : dtypes()) {
    if (std::find(claimed.begin(), claimed.end(), name) != claimed.end()) continue;
    SCOPED_TRACE(name);
    Model model;
    const Status status = tested().load(save(testing::models::identity(dtype.onnx), "identity_" + name), {}, model);
    EXPECT_FALSE(status.ok()) << "expected a dtype that is not claimed to be refused";
  }
}

}  // namespace
}  // namespace speedster::conformance
