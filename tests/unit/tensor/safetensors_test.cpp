#include "tensor/safetensors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <optional>

#include "base/files.h"

namespace speedster {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string file_with(const std::string& header, std::size_t data_bytes) {
  const std::uint64_t length = header.size();
  std::string file(sizeof length, '\0');
  std::memcpy(file.data(), &length, sizeof length);
  return file + header + std::string(data_bytes, '\1');
}
Result<SafetensorsFile> parse(const std::string& file) {
  return SafetensorsFile::parse(std::as_bytes(std::span(file.data(), file.size())));
}
Error refusal(const std::string& header, std::size_t data_bytes) {
  const std::string file = file_with(header, data_bytes);
  auto parsed = parse(file);
  EXPECT_FALSE(parsed.ok()) << header;
  return parsed.ok() ? Error(ErrorKind::kInternal, "accepted") : parsed.error();
}

class Safetensors : public testing::Test {
 protected:
  void SetUp() override {
    auto made = TempDir::create("safetensors");
    ASSERT_TRUE(made.ok());
    folder_.emplace(std::move(*made));
    file_ = folder_->path() / "a.safetensors";
  }
  std::optional<TempDir> folder_;
  fs::path file_;
};

TEST_F(Safetensors, WhatIsWrittenIsRead) {
  std::vector<NamedTensor> tensors;
  tensors.push_back({"zwei", Tensor::from<float>(DType::kFloat32, {2, 1}, std::vector<float>{1.5F, -2})});
  tensors.push_back({"scalar \"ü\"", Tensor::from<std::int64_t>(DType::kInt64, {}, std::vector<std::int64_t>{7})});
  tensors.push_back({"empty", Tensor(DType::kFloat16, {0, 3})});
  tensors.push_back({"half", Tensor::from<std::uint16_t>(DType::kBFloat16, {1}, std::vector<std::uint16_t>{0x3F80})});
  ASSERT_TRUE(write_safetensors(file_, tensors, {{"who", "a test"}}).ok());

  auto file = SafetensorsFile::open(file_);
  ASSERT_TRUE(file.ok()) << file.error().full_message();
  EXPECT_EQ(file->metadata().at("who"), "a test");
  ASSERT_EQ(file->names().size(), 4U);
  for (const NamedTensor& t : tensors) {
    auto view = file->tensor(t.name);
    ASSERT_TRUE(view.ok());
    EXPECT_EQ(view->dtype, t.tensor.dtype());
    EXPECT_TRUE(std::ranges::equal(view->shape, t.tensor.shape()));
    EXPECT_EQ(std::memcmp(view->data, t.tensor.data(), t.tensor.bytes()), 0);
  }
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(file->tensor("zwei")->data) % 64, 0U);
  EXPECT_EQ(file->tensor("drei").error().kind(), ErrorKind::kNotFound);
}

TEST_F(Safetensors, ViewsOutliveTheFileObjectThroughACopy) {
  ASSERT_TRUE(write_safetensors(file_, {}).ok());
  std::vector<NamedTensor> tensors;
  tensors.push_back({"a", Tensor::from<float>(DType::kFloat32, {1}, std::vector<float>{3})});
  ASSERT_TRUE(write_safetensors(file_, tensors).ok());
  std::optional<SafetensorsFile> copy;
  {
    auto file = SafetensorsFile::open(file_);
    ASSERT_TRUE(file.ok());
    copy = *file;
  }
  EXPECT_EQ(copy->tensor("a")->as<float>()[0], 3);
}

TEST_F(Safetensors, MisalignedDataIsViewedInAnAlignedCopy) {
  std::vector<NamedTensor> tensors;
  tensors.push_back({"byte", Tensor::from<std::uint8_t>(DType::kUInt8, {1}, std::vector<std::uint8_t>{9})});
  tensors.push_back({"float", Tensor::from<double>(DType::kFloat64, {1}, std::vector<double>{0.25})});
  ASSERT_TRUE(write_safetensors(file_, tensors).ok());
  auto file = SafetensorsFile::open(file_);
  ASSERT_TRUE(file.ok());
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(file->tensor("float")->data) % 8, 0U);
  EXPECT_EQ(file->tensor("float")->as<double>()[0], 0.25);
}

TEST_F(Safetensors, WriterTakesPiecesAndLeavesNothingUnfinished) {
  {
    auto writer = SafetensorsWriter::create(file_, {{"a", DType::kInt32, {3}}});
    ASSERT_TRUE(writer.ok());
    const std::vector<std::int32_t> values = {1, 2, 3};
    const auto bytes = std::as_bytes(std::span(values));
    ASSERT_TRUE(writer->append(bytes.first(5)).ok());
    EXPECT_FALSE(writer->finish().ok()) << "bytes are missing";
    EXPECT_FALSE(fs::exists(file_));
    ASSERT_TRUE(writer->append(bytes.subspan(5)).ok());
    EXPECT_FALSE(writer->append(bytes.first(1)).ok()) << "more than was declared";
    ASSERT_TRUE(writer->finish().ok());
    EXPECT_THAT(SafetensorsFile::open(file_)->tensor("a")->as<std::int32_t>(), ElementsAre(1, 2, 3));
    auto unfinished = SafetensorsWriter::create(folder_->path() / "b", {{"a", DType::kInt32, {3}}});
    ASSERT_TRUE(unfinished.ok());
  }
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_->path()), {}), 1);
}

TEST_F(Safetensors, DevicesAreWrittenIntoAndStay) {
  const std::vector<std::int32_t> values = {1, 2, 3};
  auto writer = SafetensorsWriter::create("/dev/null", {{"a", DType::kInt32, {3}}});
  ASSERT_TRUE(writer.ok()) << writer.error().full_message();
  ASSERT_TRUE(writer->append(std::as_bytes(std::span(values))).ok());
  EXPECT_TRUE(writer->finish().ok());
  EXPECT_TRUE(fs::is_character_file("/dev/null"));
}

TEST_F(Safetensors, WriterRefusesWhatTheFormatCannotHold) {
  EXPECT_EQ(SafetensorsWriter::create(file_, {{"a", DType::kComplex64, {1}}}).error().kind(), ErrorKind::kUnsupported);
  EXPECT_EQ(SafetensorsWriter::create(file_, {{"a", DType::kInt8, {1}}, {"a", DType::kInt8, {1}}}).error().kind(),
            ErrorKind::kUsage);
  EXPECT_EQ(SafetensorsWriter::create(file_, {{"\xff", DType::kInt8, {1}}}).error().kind(), ErrorKind::kUsage);
  EXPECT_EQ(SafetensorsWriter::create(file_, {{"__metadata__", DType::kInt8, {1}}}).error().kind(), ErrorKind::kUsage);
  EXPECT_EQ(SafetensorsWriter::create(file_, {{"a", DType::kFloat64, {1LL << 61, 1LL << 20}}}).error().kind(),
            ErrorKind::kUsage);
  EXPECT_EQ(SafetensorsWriter::create(file_, {{"a", DType::kInt8, {1LL << 60}}}).error().kind(), ErrorKind::kNoSpace);
  EXPECT_EQ(SafetensorsWriter::create(folder_->path() / "no" / "b", {}).error().kind(), ErrorKind::kNotFound);
}

TEST(SafetensorsHeader, AcceptsTheSpecificationsExample) {
  const std::string file = file_with(R"({"__metadata__":{"k":"v"},"b":{"dtype":"I8","shape":[3],"data_offsets":[4,7]},)"
                                     R"("a":{"dtype":"F32","shape":[1,1],"data_offsets":[0,4]}}   )",
                                     7);
  auto parsed = parse(file);
  ASSERT_TRUE(parsed.ok()) << parsed.error().full_message();
  EXPECT_THAT(parsed->names(), ElementsAre("a", "b"));
}

TEST(SafetensorsHeader, RefusesHostileHeaders) {
  EXPECT_EQ(parse("short").error().kind(), ErrorKind::kCorrupt);
  EXPECT_EQ(parse(std::string(8, '\xff')).error().kind(), ErrorKind::kCorrupt);
  EXPECT_EQ(parse(file_with("{}", 0).substr(0, 9)).error().kind(), ErrorKind::kCorrupt);
  for (
      const char* header : {
          "[]",
          "{",
          "nonsense",
          R"({"a":1})",
          R"({"a":[]})",
          R"({"a":{"dtype":"I8"}})",
          R"({"__metadata__":{"a":1}})",
          R"({"__metadata__":{"a":{"b":"c"}}})",
          R"({"a":{"dtype":{"dtype":"I8"}}})",
          R"({"a":{"dtype":"I8","shape":[4],"data_offsets":[0,4],"more":1}})",
          R"({"a":{"dtype":"I8","dtype":"I8","shape":[4],"data_offsets":[0,4]}})",
          R"({"a":{"dtype":"I8","shape":[4],"data_offsets":[0,4]},"a":{"dtype":"I8","shape":[0],"data_offsets":[4,4]}})",
          R"({"a":{"dtype":"I8","shape":[-4],"data_offsets":[0,4]}})",
          R"({"a":{"dtype":"I8","shape":[4.0],"data_offsets":[0,4]}})",
          R"({"a":{"dtype":"I8","shape":[4],"data_offsets":[0,4,4]}})",
          R"({"a":{"dtype":"I8","shape":[4],"data_offsets":[0]}})",
          R"({"a":{"dtype":"I8","shape":[4],"data_offsets":[4,0]}})",
          R"({"a":{"dtype":"I8","shape":[5],"data_offsets":[0,4]}})",
          R"({"a":{"dtype":"I8","shape":[3],"data_offsets":[0,3]}})",  // trailing
          R"({"a":{"dtype":"I8","shape":[3],"data_offsets":[1,4]}})",  // hole
          R"({"a":{"dtype":"I8","shape":[5],"data_offsets":[0,5]}})",  // beyond
          R"({"a":{"dtype":"I8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"I8","shape":[2],"data_offsets":[2,4]}})",
          R"({"a":{"dtype":"F64","shape":[4611686018427387904],"data_offsets":[0,4]}})",
          R"({"a":{"dtype":"F64","shape":[2305843009213693952],"data_offsets":[0,0]}})",  // 2^64 bytes
          R"({"a":{"dtype":"I8","shape":[18446744073709551615],"data_offsets":[0,4]}})",
      })
    EXPECT_EQ(refusal(header, 4).kind(), ErrorKind::kCorrupt) << header;
}

TEST(SafetensorsHeader, UnknownDtypeIsNamed) {
  const Error error = refusal(R"({"a":{"dtype":"F4","shape":[8],"data_offsets":[0,4]}})", 4);
  EXPECT_EQ(error.kind(), ErrorKind::kUnsupported);
  EXPECT_THAT(error.message(), HasSubstr("\"F4\""));
}

TEST(SafetensorsHeader, DeepNestingIsRefusedWithoutRecursion) {
  EXPECT_EQ(refusal("{\"a\":" + std::string(1000000, '['), 0).kind(), ErrorKind::kCorrupt);
}

}  // namespace
}  // namespace speedster
