#include "base/digest.h"

#include <gtest/gtest.h>

#include "base/files.h"

namespace speedster {
namespace {

// FIPS 180-2, appendix B.1.
constexpr std::string_view kAbc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

TEST(Digest, KnownAnswer) { EXPECT_EQ(sha256("abc"), kAbc); }

TEST(Digest, PiecesGiveTheSameAsTheWhole) { EXPECT_EQ(Sha256().update("a").update("bc").hex(), kAbc); }

TEST(Digest, FieldsDoNotRunIntoEachOther) {
  EXPECT_NE(Sha256().field("ab").field("c").hex(), Sha256().field("a").field("bc").hex());
}

TEST(Digest, FileAndMissingFile) {
  auto folder = TempDir::create("digest");
  ASSERT_TRUE(folder.ok());
  const fs::path file = folder->path() / "abc";
  ASSERT_TRUE(write_file(file, "abc").ok());
  EXPECT_EQ(sha256_file(file).value(), kAbc);
  EXPECT_EQ(sha256_file(folder->path() / "none").error().kind(), ErrorKind::kNotFound);
  EXPECT_EQ(sha256_file(folder->path()).error().kind(), ErrorKind::kBadInput);
}

}  // namespace
}  // namespace speedster
