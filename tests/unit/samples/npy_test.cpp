#include "samples/npy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

namespace speedster::samples {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string npy(const std::string& dictionary, char version = 1) {
  std::string file("\x93NUMPY");
  file += version;
  file += '\0';
  for (int i = 0; i < (version == 1 ? 2 : 4); ++i) file += static_cast<char>((dictionary.size() >> (8 * i)) & 255U);
  return file + dictionary;
}
Result<NpyHeader> read(const std::string& file) {
  const auto bytes = stream(memory_bytes(std::as_bytes(std::span(file))), "x.npy");
  return read_npy_header(*bytes, "x.npy");
}

TEST(NpyHeaderTest, ReadsWhatNumpyWrites) {
  const auto header = read(npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }      \n"));
  ASSERT_TRUE(header.ok()) << header.error().message();
  EXPECT_EQ(header->dtype, DType::kFloat32);
  EXPECT_THAT(header->shape, ElementsAre(2, 3));
  EXPECT_FALSE(header->fortran_order);
  EXPECT_EQ(header->data_bytes, 24U);
  EXPECT_TRUE(read(npy("{'descr': '|b1', 'fortran_order': True, 'shape': (), }\n", 2))->fortran_order);
  EXPECT_THAT(read(npy("{'descr': '|u1', 'fortran_order': False, 'shape': (7,), }\n", 3))->shape, ElementsAre(7));
}

TEST(NpyHeaderTest, WhatIsMadeIsRead) {
  for (const DTypeInfo& row : kDTypes) {
    for (const Shape& shape : {Shape{}, Shape{5}, Shape{0, 3}, Shape{2, 3, 4}}) {
      const auto made = make_npy_header(row.dtype, shape);
      ASSERT_EQ(made.ok(), !row.numpy.empty()) << row.name;
      if (!made) continue;
      EXPECT_EQ(made->size() % 64, 0U);
      const auto header = read(*made);
      ASSERT_TRUE(header.ok()) << header.error().message();
      EXPECT_EQ(header->dtype, row.dtype);
      EXPECT_EQ(header->shape, shape);
      EXPECT_EQ(header->header_bytes, made->size());
    }
  }
}

TEST(NpyHeaderTest, RefusesWhatIsNoPlainArray) {
  for (const char* dictionary :
       {"", "{}", "{'descr': '<f4'}", "{'descr': '<f4', 'fortran_order': False, 'shape': (2,)",
        "{'descr': '<f4', 'fortran_order': 1, 'shape': (2,)}", "{'descr': '<f4', 'fortran_order': False, 'shape': [2]}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (-2,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2,)} + os.system('x')",
        "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (2,)}",
        "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,)}",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (4611686018427387904,)}",
        "{'descr': '', 'fortran_order': False, 'shape': ()}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': "
        "(1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1)}"})
    EXPECT_EQ(read(npy(dictionary)).error().kind(), ErrorKind::kBadInput) << dictionary;
  EXPECT_EQ(read("\x93NUMPY\1").error().kind(), ErrorKind::kBadInput);
  EXPECT_EQ(read(npy("{}", 9)).error().kind(), ErrorKind::kBadInput);
  EXPECT_EQ(read(std::string("\x93NUMPY\2\0\xff\xff\xff\xff", 12)).error().kind(), ErrorKind::kBadInput);
}

TEST(NpyHeaderTest, SaysHowToConvertOtherDtypes) {
  const auto message = [](const std::string& descr) {
    return read(npy("{'descr': '" + descr + "', 'fortran_order': False, 'shape': (2,), }")).error().message();
  };
  EXPECT_THAT(message("|O"), HasSubstr("pickle"));
  EXPECT_THAT(message(">f4"), HasSubstr("newbyteorder"));
  EXPECT_THAT(message("<U5"), HasSubstr("text"));
  EXPECT_THAT(message("|V2"), HasSubstr("safetensors"));
  EXPECT_THAT(message("<M8[ns]"), HasSubstr("astype"));
}

TEST(RowMajor, TurnsFortranOrder) {
  // np.asfortranarray(np.arange(24).reshape(2, 3, 4)): the first axis runs fastest in memory.
  std::vector<std::int32_t> memory;
  for (int k = 0; k < 4; ++k)
    for (int j = 0; j < 3; ++j)
      for (int i = 0; i < 2; ++i) memory.push_back(i * 12 + j * 4 + k);
  NpyHeader header;
  header.dtype = DType::kInt32;
  header.shape = {2, 3, 4};
  header.fortran_order = true;
  header.data_bytes = memory.size() * 4;
  auto turned = row_major(stream(memory_bytes(std::as_bytes(std::span(memory))), "x"), header);
  ASSERT_TRUE(turned.ok()) << turned.error().message();
  std::vector<std::int32_t> result(24), expected(24);
  ASSERT_TRUE((*turned)->read(std::as_writable_bytes(std::span(result)).first(20)).ok()) << "in pieces";
  ASSERT_TRUE((*turned)->read(std::as_writable_bytes(std::span(result)).subspan(20)).ok());
  std::iota(expected.begin(), expected.end(), 0);
  EXPECT_EQ(result, expected);
  EXPECT_FALSE((*turned)->read(std::as_writable_bytes(std::span(result)).first(4)).ok()) << "beyond the end";
}

}  // namespace
}  // namespace speedster::samples
