#include "samples/zip.h"

#include <fcntl.h>
#include <unistd.h>
#include <zlib.h>

#include <cstring>

#include "support.h"

namespace speedster::samples {
namespace {

using testing::HasSubstr;

std::string deflated(const std::string& content) {
  z_stream packer{};
  EXPECT_EQ(deflateInit2(&packer, 6, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string packed(deflateBound(&packer, content.size()), '\0');
  packer.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(content.data()));
  packer.avail_in = static_cast<uInt>(content.size());
  packer.next_out = reinterpret_cast<Bytef*>(packed.data());
  packer.avail_out = static_cast<uInt>(packed.size());
  EXPECT_EQ(deflate(&packer, Z_FINISH), Z_STREAM_END);
  packed.resize(packer.total_out);
  deflateEnd(&packer);
  return packed;
}

template <typename T>
void put(std::string& bytes, std::size_t at, T value) {
  std::memcpy(bytes.data() + at, &value, sizeof value);
}

class Zip : public SamplesTest {
 protected:
  std::string written(const std::vector<std::pair<std::string, std::string>>& members) {
    ZipWriter writer;
    EXPECT_TRUE(writer.open(options_.data).ok());
    for (const auto& [name, content] : members)
      EXPECT_TRUE(writer
                      .add(name, content.substr(0, 3),
                           std::as_bytes(std::span(content)).subspan(std::min<std::size_t>(3, content.size())))
                      .ok());
    EXPECT_TRUE(writer.finish().ok());
    return *read_file(options_.data);
  }
  /// An archive with the one member "a", deflated.
  std::string packed(const std::string& content) {
    const std::string body = deflated(content);
    std::string zip = written({{"a", body}});
    const auto crc =
        static_cast<std::uint32_t>(crc32_z(0, reinterpret_cast<const Bytef*>(content.data()), content.size()));
    const std::size_t central = zip.find("PK\1\2");
    put<std::uint16_t>(zip, 8, 8), put<std::uint32_t>(zip, 14, crc),
        put<std::uint32_t>(zip, 22, static_cast<std::uint32_t>(content.size()));
    put<std::uint16_t>(zip, central + 10, 8), put<std::uint32_t>(zip, central + 16, crc);
    put<std::uint32_t>(zip, central + 24, static_cast<std::uint32_t>(content.size()));
    return zip;
  }
};

Result<ZipReader> open(const std::string& zip) {
  return ZipReader::open(memory_bytes(std::as_bytes(std::span(zip))), "test.zip");
}
std::string content(const ZipReader& reader, std::size_t i) {
  std::string text(reader.members()[i].size, '\0');
  const auto read = reader.content(i)->read(std::as_writable_bytes(std::span(text)));
  return read.ok() ? text : read.error().message();
}

TEST_F(Zip, DevicesAreWrittenIntoAndStay) {
  ZipWriter writer;
  ASSERT_TRUE(writer.open("/dev/null").ok());
  ASSERT_TRUE(writer.add("a", "header", {}).ok());
  EXPECT_TRUE(writer.finish().ok());
  EXPECT_TRUE(fs::is_character_file("/dev/null"));
}

TEST_F(Zip, StoredMembers) {
  const std::string zip = written({{"a", "first"}, {"größe", std::string(3000000, 'x')}, {"empty", ""}});
  const auto reader = open(zip);
  ASSERT_TRUE(reader.ok()) << reader.error().message();
  ASSERT_EQ(reader->members().size(), 3U);
  EXPECT_EQ(reader->members()[1].name, "größe");
  EXPECT_EQ(content(*reader, 0), "first");
  EXPECT_EQ(content(*reader, 1), std::string(3000000, 'x'));
  EXPECT_EQ(content(*reader, 2), "");
}

TEST_F(Zip, DeflatedMembersInPieces) {
  std::string text;
  for (std::int64_t i = 0; i < 100000; ++i) text += std::to_string(i * i);
  const std::string zip = packed(text);
  EXPECT_LT(zip.size(), text.size());
  const auto reader = open(zip);
  ASSERT_TRUE(reader.ok()) << reader.error().message();
  EXPECT_EQ(content(*reader, 0), text);
  const auto stream = reader->content(0);
  std::string pieces(text.size(), '\0');
  const auto all = std::as_writable_bytes(std::span(pieces));
  for (std::size_t at = 0; at < all.size(); at += 777)
    ASSERT_TRUE(stream->read(all.subspan(at, std::min<std::size_t>(777, all.size() - at))).ok());
  EXPECT_EQ(pieces, text);
  EXPECT_FALSE(stream->read(all.first(1)).ok()) << "beyond the end";
}

TEST_F(Zip, AMatchAtTheEndThatIsReadInParts) {
  // Where the last byte holds both the end of the match and the end of the stream, nothing is left to read in its
  // middle. Literals from 144 on take 9 bits: with some number of them in front it is so.
  for (std::size_t before = 1; before <= 16; ++before) {
    std::string text;
    for (std::size_t i = 0; i < before; ++i) text += static_cast<char>(144 + i * 7 % 90);
    text += std::string(259, '\0');
    const std::string zip = packed(text);
    const auto reader = open(zip);
    ASSERT_TRUE(reader.ok()) << reader.error().message();
    const auto stream = reader->content(0);
    std::string pieces(text.size(), 'x');
    const auto all = std::as_writable_bytes(std::span(pieces));
    for (std::size_t at = 0; at < all.size(); ++at)
      ASSERT_TRUE(stream->read(all.subspan(at, 1)).ok()) << "byte " << at << " after " << before;
    EXPECT_EQ(pieces, text);
  }
}

TEST_F(Zip, ManyMembersNeedTheZip64End) {
  ZipWriter writer;
  ASSERT_TRUE(writer.open(options_.data).ok());
  for (int i = 0; i < 70000; ++i) ASSERT_TRUE(writer.add(std::to_string(i), "x", {}).ok());
  ASSERT_TRUE(writer.finish().ok());
  const std::string zip = *read_file(options_.data);
  const auto reader = open(zip);
  ASSERT_TRUE(reader.ok()) << reader.error().message();
  ASSERT_EQ(reader->members().size(), 70000U);
  EXPECT_EQ(reader->members()[69999].name, "69999");
}

// 5 GiB of zeros in a sparse file: sizes and places above 32 bits, without the disk for them.
TEST_F(Zip, MembersAbove4GiB) {
  constexpr std::uint64_t kSize = std::uint64_t{5} << 30U;
  const std::string local =
      std::string("PK\3\4\x2d\0\0\0\0\0\0\0\x21\0\0\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff\1\0\0\0a", 31);
  std::string end(
      "PK\1\2\x2d\0\x2d\0\0\0\0\0\0\0\x21\0\0\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff\1\0\x1c\0\0\0\0\0\0\0\0\0\0\0\xff"
      "\xff\xff\xff"
      "b\1\0\x18\0",
      51);
  const auto u64 = [&](std::uint64_t value) { end.append(reinterpret_cast<const char*>(&value), 8); };
  const std::uint64_t directory = local.size() + kSize;
  u64(kSize), u64(kSize), u64(0);
  end += std::string("PK\6\6", 4), u64(44), end += std::string("\x2d\0\x2d\0\0\0\0\0\0\0\0\0", 12), u64(1), u64(1),
      u64(75), u64(directory);
  end += std::string("PK\6\7\0\0\0\0", 8), u64(directory + 75), end += std::string("\1\0\0\0", 4);
  end += std::string("PK\5\6\0\0\0\0\1\0\1\0\xff\xff\xff\xff\xff\xff\xff\xff\0\0", 22);
  UniqueFd fd(::open(options_.data.c_str(), O_WRONLY | O_CREAT, 0600));
  ASSERT_EQ(::pwrite(fd.get(), local.data(), local.size(), 0), static_cast<ssize_t>(local.size()));
  ASSERT_EQ(::pwrite(fd.get(), end.data(), end.size(), static_cast<off_t>(directory)),
            static_cast<ssize_t>(end.size()));

  const auto reader = ZipReader::open(*open_bytes(options_.data), "large.zip");
  ASSERT_TRUE(reader.ok()) << reader.error().message();
  EXPECT_EQ(reader->members()[0].size, kSize);
  std::vector<std::byte> piece(4096, std::byte{1});
  ASSERT_TRUE(reader->content(0)->read(piece).ok());
  EXPECT_EQ(piece, std::vector<std::byte>(4096));
}

TEST_F(Zip, CorruptionIsFound) {
  std::string text = "some text that is long enough to be packed, packed, packed and packed again";
  for (std::string zip : {written({{"a", text}}), packed(text)}) {
    zip[40] = static_cast<char>(zip[40] ^ 4);
    const auto reader = open(zip);
    ASSERT_TRUE(reader.ok());
    EXPECT_THAT(content(*reader, 0), HasSubstr("corrupted"));
  }
}

TEST_F(Zip, ClaimsThatTheFileCannotHoldAreRefused) {
  const std::string zip = packed(std::string(1000, 'x'));
  const std::size_t central = zip.find("PK\1\2"), end = zip.find("PK\5\6");
  const auto with = [&](std::size_t at, auto value) {
    std::string changed = zip;
    put(changed, at, value);
    return open(changed).ok();
  };
  EXPECT_TRUE(with(central + 24, std::uint32_t{2000})) << "possible, though wrong: reading finds out";
  EXPECT_FALSE(with(central + 24, std::uint32_t{0xFFFFFFF0})) << "beyond what deflate can pack";
  EXPECT_FALSE(with(central + 20, std::uint32_t{100000})) << "stored bytes beyond the file";
  EXPECT_FALSE(with(central + 42, std::uint32_t{100000})) << "a member beyond the directory";
  EXPECT_FALSE(with(central + 24, std::uint32_t{0xFFFFFFFF})) << "no zip64 field";
  EXPECT_FALSE(with(central + 28, std::uint16_t{60000})) << "a name beyond the directory";
  EXPECT_FALSE(with(central + 10, std::uint16_t{12})) << "bzip2";
  EXPECT_FALSE(with(central + 8, std::uint16_t{1})) << "encrypted";
  EXPECT_FALSE(with(end + 10, std::uint16_t{2})) << "more members than the directory has";
  EXPECT_FALSE(with(end + 12, std::uint32_t{100000})) << "a directory beyond the end";
  EXPECT_FALSE(with(end + 20, std::uint16_t{1})) << "a comment that is not there";
  for (std::size_t size = 0; size < zip.size(); ++size) EXPECT_FALSE(open(zip.substr(0, size)).ok()) << size;
}

}  // namespace
}  // namespace speedster::samples
