#include "onnx/storage.h"

#include <gtest/gtest.h>
#include <onnx-ml.pb.h>

#include "onnx/dtypes.h"

namespace speedster::onnx_model {
namespace {

using ::onnx::TensorProto;

TensorProto tensor(int type, std::initializer_list<std::int64_t> dims) {
  TensorProto proto;
  proto.set_name("t");
  proto.set_data_type(type);
  for (std::int64_t dim : dims) proto.add_dims(dim);
  return proto;
}

template <typename T>
std::vector<T> loaded(const TensorProto& proto) {
  const auto values = Storage().load(proto);
  EXPECT_TRUE(values.ok()) << values.error().message();
  if (!values.ok()) return {};
  const auto list = values->as<T>();
  return {list.begin(), list.end()};
}

TEST(Storage, TypedFieldsOfEveryWidth) {
  TensorProto floats = tensor(TensorProto::FLOAT, {2});
  floats.add_float_data(1.5F), floats.add_float_data(-2.0F);
  EXPECT_EQ(loaded<float>(floats), (std::vector<float>{1.5F, -2.0F}));
  TensorProto bytes = tensor(TensorProto::INT8, {3});
  for (int value : {-128, 0, 127}) bytes.add_int32_data(value);
  EXPECT_EQ(loaded<std::int8_t>(bytes), (std::vector<std::int8_t>{-128, 0, 127}));
  TensorProto halves = tensor(TensorProto::FLOAT16, {1});
  halves.add_int32_data(0x3C00);
  EXPECT_EQ(loaded<std::uint16_t>(halves), (std::vector<std::uint16_t>{0x3C00}));
  TensorProto longs = tensor(TensorProto::INT64, {1});
  longs.add_int64_data(std::int64_t{-1} << 40);
  EXPECT_EQ(loaded<std::int64_t>(longs), (std::vector<std::int64_t>{std::int64_t{-1} << 40}));
  TensorProto doubles = tensor(TensorProto::DOUBLE, {});
  doubles.add_double_data(0.1);
  EXPECT_EQ(loaded<double>(doubles), std::vector<double>{0.1});
  TensorProto wide = tensor(TensorProto::UINT32, {1});
  wide.add_uint64_data(4'000'000'000U);
  EXPECT_EQ(loaded<std::uint32_t>(wide), std::vector<std::uint32_t>{4'000'000'000U});
}

TEST(Storage, SizesMustFitTheShape) {
  TensorProto few = tensor(TensorProto::FLOAT, {2, 3});
  few.set_raw_data(std::string(20, '\0'));
  EXPECT_EQ(Storage().size(few).error().kind(), ErrorKind::kBadInput);
  few.set_raw_data(std::string(24, '\0'));
  EXPECT_EQ(Storage().size(few).value(), 24U);
  TensorProto none = tensor(TensorProto::FLOAT, {0, 3});
  EXPECT_EQ(Storage().size(none).value(), 0U);
  TensorProto unknown = tensor(99, {1});
  EXPECT_FALSE(Storage().size(unknown).ok());
  TensorProto wrong_field = tensor(TensorProto::FLOAT, {2});
  wrong_field.add_int64_data(1), wrong_field.add_int64_data(2);
  EXPECT_FALSE(Storage().load(wrong_field).ok());
}

TEST(Storage, SubByteTypesAreSizedInHalfBytes) {
  TensorProto packed = tensor(TensorProto::INT4, {5});
  packed.set_raw_data(std::string(3, '\0'));
  EXPECT_EQ(Storage().size(packed).value(), 3U);
  EXPECT_EQ(Storage().load(packed).error().kind(), ErrorKind::kUnsupported);
  EXPECT_EQ(stored_bytes(TensorProto::FLOAT, std::vector<std::int64_t>{std::int64_t{1} << 61}), std::nullopt);
}

TEST(Storage, DTypesGoThereAndBack) {
  for (const DTypeInfo& row : kDTypes) {
    EXPECT_EQ(dtype_from_onnx(dtype_to_onnx(row.dtype)), row.dtype) << row.name;
    EXPECT_EQ(element_bits(dtype_to_onnx(row.dtype)), row.bytes * 8) << row.name;
  }
}

}  // namespace
}  // namespace speedster::onnx_model
