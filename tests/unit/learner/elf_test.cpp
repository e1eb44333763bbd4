#include "learner/elf.h"

#include <elf.h>
#include <gmock/gmock.h>

#include <random>

#include "base/files.h"
#include "job/sanitizer.h"
#include "learner/closure.h"

namespace speedster::learner {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;

const fs::path kLibrary = fs::path(SPEEDSTER_BUILD_DIR) / "lib/libspeedster_runtime.so";

TEST(Elf, ReadsNamesAndVersions) {
  const auto info = read_elf_file(kLibrary);
  ASSERT_TRUE(info.ok()) << info.error().message();
  EXPECT_THAT(info->soname, ::testing::StartsWith("libspeedster_runtime.so."));
  EXPECT_THAT(info->needed, Contains("libc.so.6"));
  EXPECT_EQ(info->search_path, "$ORIGIN");
  EXPECT_THAT(info->versions.at("libc.so.6"), Contains(HasSubstr("GLIBC_2.")));
  ASSERT_TRUE(lowest_glibc(*info).has_value());
}

TEST(Elf, TheRunningProgramIsOne) {
  EXPECT_TRUE(read_elf_file("/proc/self/exe").ok());
  EXPECT_TRUE(is_elf(MappedFile::open("/proc/self/exe")->bytes()));
}

TEST(Elf, WhatIsNoneIsRefused) {
  const std::string text = "#!/bin/sh\n";
  EXPECT_FALSE(is_elf(std::as_bytes(std::span(text))));
  EXPECT_EQ(read_elf(std::as_bytes(std::span(text)), "text").error().kind(), ErrorKind::kBadInput);
  EXPECT_EQ(read_elf({}, "nothing").error().kind(), ErrorKind::kBadInput);
}

TEST(Elf, EveryTruncationEndsWellAndSoDoesDamage) {
  const auto file = read_file(kLibrary, std::uint64_t{1} << 30U);
  ASSERT_TRUE(file.ok());
  std::string bytes = file->substr(0, std::size_t{256} << 10U);
  for (std::size_t size = 0; size < bytes.size(); size += size < 4096 ? 1 : 1021)
    static_cast<void>(read_elf(std::as_bytes(std::span(bytes.data(), size)), "cut").ok());
  std::mt19937 random(7);
  std::uniform_int_distribution<std::size_t> header(0, 1023);
  for (int round = 0; round < 3000; ++round) {
    std::string damaged = bytes;
    for (int i = 0; i < 4; ++i) damaged[header(random)] = static_cast<char>(random());
    static_cast<void>(read_elf(std::as_bytes(std::span(damaged)), "damaged").ok());
  }
}

TEST(Elf, LowestGlibcIsByNumber) {
  ElfInfo info;
  EXPECT_FALSE(lowest_glibc(info));
  info.versions = {{"libc.so.6", {"GLIBC_2.4", "GLIBC_2.34", "GLIBC_2.17", "GLIBC_PRIVATE", "GLIBC_ABI_DT_RELR"}},
                   {"libm.so.6", {"GLIBC_2.29"}},
                   {"libstdc++.so.6", {"GLIBCXX_3.4.30"}}};
  EXPECT_EQ(lowest_glibc(info), "2.34");
}

TEST(Closure, OfOurRuntime) {
  const auto closure = link_closure({fs::canonical(kLibrary)});
  ASSERT_TRUE(closure.ok()) << closure.error().message();
  std::vector<std::string> names;
  for (const fs::path& file : *closure) names.push_back(read_elf_file(file)->soname);
  if (job::kSanitized) std::erase_if(names, [](const std::string& name) { return name.find("san.so") != name.npos; });
  EXPECT_THAT(names, ::testing::UnorderedElementsAre("libspeedster_runtime.so.0", "libcrypto.so.3", "libstdc++.so.6",
                                                     "libgcc_s.so.1"));
}

TEST(Closure, WhatIsNotThereIsNamed) {
  const auto missing = find_needed("libnosuchthing.so.9", kLibrary, {});
  EXPECT_EQ(missing.error().kind(), ErrorKind::kNotFound);
  EXPECT_THAT(missing.error().message(), HasSubstr("libnosuchthing.so.9"));
  EXPECT_TRUE(belongs_to_glibc("libc.so.6"));
  EXPECT_TRUE(belongs_to_glibc("ld-linux-x86-64.so.2"));
  EXPECT_FALSE(belongs_to_glibc("libcrypto.so.3"));
}

}  // namespace
}  // namespace speedster::learner
