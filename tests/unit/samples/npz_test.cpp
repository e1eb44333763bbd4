#include "samples/npz.h"

#include <fstream>

#include "samples/arrays.h"
#include "samples/zip.h"
#include "support.h"

namespace speedster::samples {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string npy(DType dtype, const Shape& shape, std::size_t bytes, char fill = 0) {
  return *make_npy_header(dtype, shape) + std::string(bytes, fill);
}

/// A stored archive whose members are no checked arrays.
void zip(const fs::path& path, const std::vector<std::pair<std::string, std::string>>& members) {
  ZipWriter writer;
  ASSERT_TRUE(writer.open(path).ok());
  for (const auto& [name, content] : members) ASSERT_TRUE(writer.add(name, content, {}).ok());
  ASSERT_TRUE(writer.finish().ok());
}

class Npz : public SamplesTest {
 protected:
  Result<std::vector<NamedTensor>> read() const { return read_tensors(options_.data); }
  std::string content() const { return *read_file(options_.data); }
  void rewrite(const std::string& bytes) { std::ofstream(options_.data, std::ios::binary) << bytes; }
};

TEST_F(Npz, WhatIsWrittenIsRead) {
  save(named(NamedTensor{"a", floats({2, 3})}, NamedTensor{"größe", counted<std::int64_t>(DType::kInt64, {})},
             NamedTensor{"empty", Tensor(DType::kBool, {0, 4})},
             NamedTensor{"dir/x", counted<std::uint16_t>(DType::kFloat16, {1})}));
  auto tensors = read();
  ASSERT_TRUE(tensors.ok()) << tensors.error().message();
  ASSERT_EQ(tensors->size(), 4U);
  EXPECT_EQ((*tensors)[0].name, "a");
  EXPECT_THAT((*tensors)[0].tensor.as<float>(), ElementsAre(0, 1, 2, 3, 4, 5));
  EXPECT_EQ((*tensors)[1].name, "größe");
  EXPECT_TRUE((*tensors)[1].tensor.shape().empty());
  EXPECT_THAT((*tensors)[2].tensor.shape(), ElementsAre(0, 4));
  EXPECT_EQ((*tensors)[3].name, "dir/x");
  EXPECT_EQ(std::distance(fs::directory_iterator(root()), {}), 1) << "a temporary file was left behind";
}

TEST_F(Npz, TwoPassesOverTheSameArchive) {
  save(named(NamedTensor{"a", floats({2})}, NamedTensor{"b", floats({3})}));
  auto file = open_arrays(options_.data);
  ASSERT_TRUE(file.ok());
  for (const std::size_t i : {1U, 0U, 1U}) {
    auto elements = (*file)->elements(i);
    ASSERT_TRUE(elements.ok());
    float first = -1;
    EXPECT_TRUE((*elements)->read(std::as_writable_bytes(std::span(&first, 1))).ok())
        << "what was left half-read disturbs nothing";
    EXPECT_EQ(first, 0);
  }
}

TEST_F(Npz, EveryTruncationIsRefused) {
  save(named(NamedTensor{"a", floats({40})}, NamedTensor{"b", floats({3})}));
  const std::string whole = content();
  for (std::size_t size = 0; size < whole.size(); size += size < 40 ? 1 : 7) {
    rewrite(whole.substr(0, size));
    auto tensors = read();
    ASSERT_FALSE(tensors.ok()) << size;
    EXPECT_EQ(tensors.error().kind(), ErrorKind::kBadInput) << size;
  }
}

TEST_F(Npz, AChangedByteInTheDataIsFound) {
  save(named(NamedTensor{"a", floats({40})}));
  std::string bytes = content();
  bytes[200] = static_cast<char>(bytes[200] ^ 1);  // within the elements, which start after 35 + 128 bytes of headers
  rewrite(bytes);
  EXPECT_THAT(read().error().message(), HasSubstr("corrupted"));
}

TEST_F(Npz, RefusesMembersThatAreNoArrays) {
  zip(options_.data, {{"readme.txt", "hello"}});
  EXPECT_THAT(read().error().message(), HasSubstr("readme.txt"));
  zip(options_.data, {{"a.npy", "hello, this is no array"}});
  EXPECT_EQ(read().error().kind(), ErrorKind::kBadInput);
  zip(options_.data, {{"a.npy", npy(DType::kFloat32, {3}, 12)}, {"a.npy", npy(DType::kFloat32, {3}, 12)}});
  EXPECT_THAT(read().error().message(), HasSubstr("twice"));
}

// A few hundred bytes may not claim gigabytes: nothing is allocated on their word.
TEST_F(Npz, SizesThatTheFileCannotHoldAreRefused) {
  zip(options_.data, {{"a.npy", npy(DType::kFloat64, {1LL << 40U}, 8)}});
  EXPECT_THAT(read().error().message(), HasSubstr("bytes"));
  zip(options_.data, {{"a.npy", npy(DType::kFloat32, {3}, 8)}});
  EXPECT_EQ(read().error().kind(), ErrorKind::kBadInput);
  zip(options_.data, {{"a.npy", npy(DType::kFloat32, {3}, 16)}});
  EXPECT_EQ(read().error().kind(), ErrorKind::kBadInput);
}

TEST_F(Npz, WriteRefusesWhatNumpyLacksAndKeepsTheOldFile) {
  save(named(NamedTensor{"a", floats({2})}));
  EXPECT_EQ(write_npz(options_.data, named(NamedTensor{"b", Tensor(DType::kBFloat16, {2})})).error().kind(),
            ErrorKind::kUnsupported);
  EXPECT_EQ(read()->front().name, "a");
  EXPECT_EQ(write_npz(root() / "none" / "x.npz", {}).error().kind(), ErrorKind::kNotFound);
  EXPECT_EQ(std::distance(fs::directory_iterator(root()), {}), 1);
}

TEST_F(Npz, OtherFilesAreToldApart) {
  EXPECT_EQ(read_tensors(root() / "none.npz").error().kind(), ErrorKind::kNotFound);
  EXPECT_EQ(read_tensors(root()).error().kind(), ErrorKind::kBadInput);
  rewrite("hello");
  EXPECT_EQ(read().error().kind(), ErrorKind::kBadInput);
  options_.data = root() / "x.txt";
  rewrite("hello");
  EXPECT_THAT(read().error().message(), HasSubstr("npz, npy or safetensors"));
  options_.data = root() / "x.npy";
  rewrite(npy(DType::kFloat32, {2}, 8));
  EXPECT_EQ(read()->front().name, "");
  EXPECT_THAT(read()->front().tensor.shape(), ElementsAre(2));
  rewrite(npy(DType::kFloat32, {2}, 7));
  EXPECT_EQ(read().error().kind(), ErrorKind::kBadInput);
  options_.data = root() / "x.safetensors";
  ASSERT_TRUE(write_safetensors(options_.data, named(NamedTensor{"a", Tensor(DType::kBFloat16, {2})})).ok());
  EXPECT_EQ(read()->front().tensor.dtype(), DType::kBFloat16);
  rewrite("broken");
  EXPECT_EQ(read().error().kind(), ErrorKind::kBadInput);
}

}  // namespace
}  // namespace speedster::samples
