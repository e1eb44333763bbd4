#include "package/writer.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <thread>

#include "base/digest.h"
#include "support/little_space.h"
#include "unit/package/fixture.h"

namespace speedster::package {
namespace {

using testing::HasSubstr;

class Writer : public PackageTest {
 protected:
  std::vector<std::string> names() const {
    std::vector<std::string> found;
    for (const auto& entry : fs::directory_iterator(root())) found.push_back(entry.path().filename().string());
    std::sort(found.begin(), found.end());
    return found;
  }
};

TEST_F(Writer, WritesAPackageAndNothingBesideIt) {
  const fs::path package = written();
  EXPECT_EQ(names(), std::vector<std::string>{"p.speedster"});
  EXPECT_EQ(read_file(package / "payload/model.onnx").value(), "the model");
  const auto read = read_manifest(package);
  ASSERT_TRUE(read.ok());
  EXPECT_TRUE(check_all(package, read->manifest).ok());
  struct stat made{}, parent{};
  ASSERT_EQ(::mkdir((root() / "d").c_str(), 0777), 0);
  ASSERT_EQ(::stat(package.c_str(), &made), 0);
  ASSERT_EQ(::stat((root() / "d").c_str(), &parent), 0);
  EXPECT_EQ(made.st_mode, parent.st_mode) << "a package is as readable as any other new folder";
}

TEST_F(Writer, WithoutCommitNothingChanges) {
  const fs::path package = written("p.speedster", "the first");
  {
    auto writer = PackageWriter::create(package);
    ASSERT_TRUE(writer.ok());
    ASSERT_TRUE(writer->add_text("the second", "payload/model.onnx").ok());
  }
  EXPECT_EQ(read_file(package / "payload/model.onnx").value(), "the first");
  EXPECT_EQ(names(), std::vector<std::string>{"p.speedster"});
}

TEST_F(Writer, CommitReplacesAPackage) {
  written("p.speedster", "the first");
  const fs::path package = written("p.speedster", "the second");
  EXPECT_EQ(read_file(package / "payload/model.onnx").value(), "the second");
  EXPECT_EQ(names(), std::vector<std::string>{"p.speedster"});
}

TEST_F(Writer, WhatIsNoPackageIsKept) {
  ASSERT_TRUE(write_file(root() / "file", "precious").ok());
  EXPECT_EQ(PackageWriter::create(root() / "file").error().kind(), ErrorKind::kUsage);
  fs::create_directory(root() / "folder");
  ASSERT_TRUE(write_file(root() / "folder/file", "precious").ok());
  EXPECT_EQ(PackageWriter::create(root() / "folder").error().kind(), ErrorKind::kUsage);
  EXPECT_EQ(PackageWriter::create("").error().kind(), ErrorKind::kUsage);
  fs::create_directory(root() / "empty");
  EXPECT_TRUE(PackageWriter::create(root() / "empty/").ok());
  EXPECT_EQ(read_file(root() / "file").value(), "precious");
}

TEST_F(Writer, AManifestThatIsNotOursMakesNoPackage) {
  const fs::path app = root() / "app";
  fs::create_directory(app);
  ASSERT_TRUE(write_file(app / "index.html", "precious").ok());
  for (const char* text : {R"({"name": "a web app", "start_url": "/"})", R"({"format": "chrome"})", R"({"format": 1})",
                           "[]", "no JSON", ""}) {
    ASSERT_TRUE(write_file(app / "manifest.json", text).ok());
    EXPECT_EQ(PackageWriter::create(app).error().kind(), ErrorKind::kUsage) << text;
  }
  EXPECT_EQ(read_file(app / "index.html").value(), "precious");
  const fs::path package = written();
  fs::rename(package / "manifest.json", root() / "elsewhere.json");
  fs::create_symlink(root() / "elsewhere.json", package / "manifest.json");
  EXPECT_EQ(PackageWriter::create(package).error().kind(), ErrorKind::kUsage) << "a link is no manifest";
}

TEST_F(Writer, APackageOfAnyVersionIsReplaced) {
  const fs::path package = written();
  ASSERT_TRUE(write_file(package / "manifest.json", R"({"format": "speedster-package", "version": 99})").ok());
  EXPECT_TRUE(PackageWriter::create(package).ok());
}

TEST_F(Writer, NoSpaceIsSaidBeforeAnyWork) {
  const auto writer = PackageWriter::create(root() / "p", std::uint64_t{1} << 60U);
  EXPECT_EQ(writer.error().kind(), ErrorKind::kNoSpace);
  EXPECT_TRUE(names().empty());
}

TEST_F(Writer, AFullDiskWhileItWritesLosesNothing) {
  ASSERT_TRUE(write_file(root() / "large", std::string(3'000'000, 'l')).ok());
  const test::LittleSpace space(root() / "small");
  const fs::path package = written("small/p.speedster", "the first");
  {
    auto writer = PackageWriter::create(package);
    ASSERT_TRUE(writer.ok());
    const auto added = writer->add_file(root() / "large", "payload/model.onnx");
    ASSERT_FALSE(added.ok());
    EXPECT_EQ(added.error().kind(), ErrorKind::kNoSpace) << added.error().message();
  }
  EXPECT_EQ(read_file(package / "payload/model.onnx").value(), "the first");
  EXPECT_EQ(std::distance(fs::directory_iterator(root() / "small"), fs::directory_iterator()), 1);
}

TEST_F(Writer, NoPermissionIsSaidBeforeAnyWork) {
  // Root may write anywhere, so the attempt is another user's.
  const auto attempt = [&] {
    if (::geteuid() == 0 && ::setresuid(65534, 65534, 65534) != 0) std::_Exit(2);
    const auto writer = PackageWriter::create(root() / "locked/p");
    std::_Exit(writer.ok() ? 1 : writer.error().kind() == ErrorKind::kPermission ? 0 : 3);
  };
  ASSERT_EQ(::mkdir((root() / "locked").c_str(), 0555), 0);
  ::chmod(root().c_str(), 0755);
  EXPECT_EXIT(attempt(), testing::ExitedWithCode(0), "");
}

TEST_F(Writer, PathsStayInside) {
  auto writer = PackageWriter::create(root() / "p");
  ASSERT_TRUE(writer.ok());
  for (const char* bad : {"../x", "/x", "a/../x", "manifest.json", ""})
    EXPECT_EQ(writer->add_text("x", bad).error().kind(), ErrorKind::kUsage) << bad;
  ASSERT_TRUE(writer->add_text("x", "a").ok());
  EXPECT_THAT(writer->add_text("x", "a").error().message(), HasSubstr("twice"));
}

TEST_F(Writer, AddsFilesByCopying) {
  ASSERT_TRUE(write_file(root() / "source", std::string(3'000'000, 's')).ok());
  auto writer = PackageWriter::create(root() / "p");
  ASSERT_TRUE(writer.ok());
  ASSERT_TRUE(writer->add_file(root() / "source", "payload/model.onnx").ok());
  ASSERT_TRUE(writer->add_text("w", "payload/weights.bin").ok());
  EXPECT_EQ(writer->add_file(root() / "missing", "b").error().kind(), ErrorKind::kNotFound);
  ASSERT_TRUE(writer->commit(manifest()).ok());
  ASSERT_TRUE(write_file(root() / "source", "changed").ok());
  EXPECT_EQ(fs::file_size(root() / "p/payload/model.onnx"), 3'000'000U);
  EXPECT_TRUE(check_all(root() / "p", read_manifest(root() / "p")->manifest).ok());
}

TEST_F(Writer, AManifestThatCouldNotBeReadIsNotWritten) {
  auto writer = PackageWriter::create(root() / "p");
  ASSERT_TRUE(writer.ok());
  EXPECT_EQ(writer->commit(manifest()).error().kind(), ErrorKind::kInternal) << "its payload was never added";
  EXPECT_FALSE(fs::exists(root() / "p"));
}

class Check : public Writer {
 protected:
  void SetUp() override {
    Writer::SetUp();
    package_ = written();
    manifest_ = read_manifest(package_)->manifest;
  }
  Result<void> check() const {
    return check_payload(package_, manifest_, manifest_.entries.at("main").variants.front());
  }
  std::size_t marks() const {
    std::size_t count = 0;
    std::error_code error;
    for (fs::recursive_directory_iterator it(root() / "cache", error), end; !error && it != end; it.increment(error))
      count += it->is_regular_file() ? 1 : 0;
    return count;
  }
  /// Changes a byte and sets the time of modification back, as a liar would.
  void flip_byte_quietly(const fs::path& file) const {
    struct stat before{};
    ASSERT_EQ(::stat(file.c_str(), &before), 0);
    const int fd = ::open(file.c_str(), O_WRONLY);
    ASSERT_EQ(::pwrite(fd, "X", 1, 2), 1);
    ::close(fd);
    const timespec times[] = {before.st_atim, before.st_mtim};
    ASSERT_EQ(::utimensat(AT_FDCWD, file.c_str(), times, 0), 0);
  }
  fs::path package_;
  Manifest manifest_;
};

TEST_F(Check, FilesTooYoungToTellLeaveNoMark) {
  const fs::path weights = package_ / "payload/weights.bin";
  const auto in_an_hour = fs::file_time_type::clock::now() + std::chrono::hours(1);
  fs::last_write_time(weights, in_an_hour);
  std::this_thread::sleep_for(std::chrono::milliseconds(40));
  ASSERT_TRUE(check().ok());
  EXPECT_EQ(marks(), 1U) << "of the other file";
  fs::last_write_time(weights, in_an_hour - std::chrono::hours(2));
  std::this_thread::sleep_for(std::chrono::milliseconds(40));
  ASSERT_TRUE(check().ok());
  EXPECT_EQ(marks(), 2U);
}

TEST_F(Check, AMarkStandsForTheDigest) {
  std::this_thread::sleep_for(std::chrono::milliseconds(40));
  ASSERT_TRUE(check().ok());
  ASSERT_EQ(marks(), 2U);
  // A manifest with another digest of the same file does not profit from the mark.
  Manifest other = manifest_;
  other.files["payload/model.onnx"].sha256 = std::string(64, '0');
  EXPECT_EQ(check_payload(package_, other, other.entries.at("main").variants.front()).error().kind(),
            ErrorKind::kCorrupt);
  // Without reading permission for the content the mark alone decides.
  const fs::path weights = package_ / "payload/weights.bin";
  const auto unread = [&] {
    if (::geteuid() == 0 && ::setresuid(65534, 65534, 65534) != 0) std::_Exit(2);
    std::_Exit(check().ok() ? 0 : 1);
  };
  ::chmod(root().c_str(), 0755);
  ::chmod(weights.c_str(), 0200);
  std::this_thread::sleep_for(std::chrono::milliseconds(40));
  ASSERT_TRUE(check().ok() || ::geteuid() != 0) << "root reads it and renews the mark, as the change time moved";
  EXPECT_EXIT(unread(), testing::ExitedWithCode(::geteuid() == 0 ? 0 : 1), "");
}

TEST_F(Check, NothingElseLiesWhereAVendorLooks) {
  ASSERT_TRUE(check().ok());
  fs::create_symlink("/etc/hostname", package_ / "payload/model.bin");
  const auto linked = check();
  EXPECT_EQ(linked.error().kind(), ErrorKind::kCorrupt);
  EXPECT_THAT(linked.error().message(), HasSubstr("payload/model.bin"));
  fs::remove(package_ / "payload/model.bin");
  fs::create_directory(package_ / "payload/deeper");
  ASSERT_TRUE(write_file(package_ / "payload/deeper/more.bin", "more").ok());
  EXPECT_EQ(check().error().kind(), ErrorKind::kCorrupt);
  fs::remove_all(package_ / "payload/deeper");
  ASSERT_TRUE(check().ok());
  // What the manifest lists for somebody else has to be as it says, too.
  Manifest fewer = manifest_;
  std::erase(fewer.entries.at("main").variants.front().files, "payload/weights.bin");
  flip_byte_quietly(package_ / "payload/weights.bin");
  EXPECT_EQ(check_payload(package_, fewer, fewer.entries.at("main").variants.front()).error().kind(),
            ErrorKind::kCorrupt);
}

TEST_F(Check, AChangedByteIsFoundEvenWithItsOldTimeStamp) {
  std::this_thread::sleep_for(std::chrono::milliseconds(40));
  ASSERT_TRUE(check().ok());
  flip_byte_quietly(package_ / "payload/model.onnx");
  const auto found = check();
  EXPECT_EQ(found.error().kind(), ErrorKind::kCorrupt);
  EXPECT_THAT(found.error().message(), HasSubstr("payload/model.onnx"));
}

TEST_F(Check, SizesLinksAndMissingFiles) {
  ASSERT_TRUE(write_file(package_ / "payload/weights.bin", "longer than it was").ok());
  EXPECT_THAT(check().error().message(), HasSubstr("expected 7 bytes"));
  fs::remove(package_ / "payload/weights.bin");
  EXPECT_EQ(check().error().kind(), ErrorKind::kCorrupt);
  ASSERT_TRUE(write_file(root() / "elsewhere", "weights").ok());
  fs::create_symlink(root() / "elsewhere", package_ / "payload/weights.bin");
  EXPECT_EQ(check().error().kind(), ErrorKind::kCorrupt) << "a link may lead out of the package";
}

TEST_F(Check, AllFindsWhatIsNotListed) {
  EXPECT_TRUE(check_all(package_, manifest_).ok());
  EXPECT_TRUE(check_all(package_.string() + "/", manifest_).ok());
  ASSERT_TRUE(write_file(package_ / "payload/extra", "x").ok());
  EXPECT_THAT(check_all(package_, manifest_).error().message(), HasSubstr("payload/extra"));
}

TEST_F(Check, AReadOnlyCacheOnlyCostsTime) {
  ::setenv("SPEEDSTER_CACHE_DIR", "/proc/no-such-folder", 1);
  std::this_thread::sleep_for(std::chrono::milliseconds(40));
  EXPECT_TRUE(check().ok());
  EXPECT_TRUE(check().ok());
}

}  // namespace
}  // namespace speedster::package
