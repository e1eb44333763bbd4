#include "job/failures.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>

#include <fstream>

#include "supervised.h"

namespace speedster::job {
namespace {

using ::testing::HasSubstr;

class Failures : public ::testing::Test {
 protected:
  void SetUp() override {
    auto folder = TempDir::create("speedster-failures-");
    ASSERT_TRUE(folder.ok());
    folder_.emplace(std::move(*folder));
    ::setenv("SPEEDSTER_STATE_DIR", path("state").c_str(), 1);
    write("package/manifest.json", "{}");
    write("package/payload/model.onnx", "weights");
    write("store/samples.safetensors", "values");
    write("run/log.txt", "the vendor's last words");
  }

  fs::path path(const std::string& name) const { return folder_->path() / name; }
  void write(const std::string& name, const std::string& content) const {
    fs::create_directories(path(name).parent_path());
    std::ofstream(path(name)) << content;
  }
  ServeFailure failure() const {
    return {path("run"),
            path("package"),
            path("store"),
            {{{"op", "load"}, {"package", path("package").string()}, {"samples", path("store").string()}},
             {{"op", "echo"}}},
            Error(ErrorKind::kCrashed, "[serve] expected an answer, got a crash"),
            {.memory_bytes = std::uint64_t{4} << 30U, .threads = 2},
            std::nullopt,
            {}};
  }

  std::optional<TempDir> folder_;
};

TEST_F(Failures, AFailedProbeIsKeptWithTheVendorsOwnQuestion) {
  ServeFailure probe = failure();
  probe.package.clear();
  probe.samples.clear();
  probe.requests = {{{"op", "probe"}, {"backend", "openvino"}}};
  probe.vendor.emplace().backend = "openvino";
  const auto kept = keep_failure(probe);
  ASSERT_TRUE(kept.ok()) << kept.error().message();
  EXPECT_FALSE(fs::exists(*kept / "package"));
  EXPECT_TRUE(fs::exists(*kept / "repro.sh"));
  EXPECT_THAT(*read_file(*kept / "requests.jsonl"), HasSubstr("probe"));
  const std::string script = *read_file(*kept / "repro_vendor.py");
  EXPECT_THAT(script, HasSubstr("available_devices"));
  EXPECT_THAT(script, ::testing::Not(HasSubstr("read_model")));
}

TEST_F(Failures, AFailedCheckIsKeptInAFormThatRunsAnywhere) {
  const auto kept = keep_failure(failure());
  ASSERT_TRUE(kept.ok()) << kept.error().message();
  EXPECT_EQ(kept->parent_path(), path("state") / "failed");
  for (const char* file :
       {"package/manifest.json", "package/payload/model.onnx", "samples/samples.safetensors", "log.txt", "result.json"})
    EXPECT_TRUE(fs::exists(*kept / file)) << file;
  EXPECT_THAT(*read_file(*kept / "requests.jsonl"), ::testing::Not(HasSubstr(folder_->path().string())));

  const fs::path elsewhere = path("else where");
  fs::rename(*kept, elsewhere);
  ::setenv("SPEEDSTER_WORKER", kChildProgram.c_str(), 1);
  const int status =
      ::system(("'" + (elsewhere / "repro.sh").string() + "' > '" + path("said").string() + "' 2>&1").c_str());
  ::unsetenv("SPEEDSTER_WORKER");
  EXPECT_EQ(WEXITSTATUS(status), 0);
  EXPECT_THAT(*read_file(path("said")), HasSubstr("\"echo\":{\"op\":\"echo\"}"));
}

TEST_F(Failures, TheSameFailureHasOnePlaceAndAnotherHasAnother) {
  const auto first = keep_failure(failure()), second = keep_failure(failure());
  ASSERT_TRUE(first.ok() && second.ok());
  EXPECT_EQ(*first, *second);
  ServeFailure other = failure();
  other.requests[1]["more"] = 1;
  EXPECT_NE(*keep_failure(other), *first);
}

TEST_F(Failures, AVendorsScriptIsThereWhereTheVendorHasOne) {
  ServeFailure with = failure();
  with.vendor.emplace();
  with.vendor->backend = "onnxruntime";
  with.vendor->model = "payload/model.onnx";
  const auto kept = keep_failure(with);
  ASSERT_TRUE(kept.ok());
  EXPECT_THAT(*read_file(*kept / "repro_vendor.py"), HasSubstr("\"package/payload/model.onnx\""));
  with.vendor->backend = "reference";
  with.requests[1]["more"] = 1;
  const auto without = keep_failure(with);
  ASSERT_TRUE(without.ok());
  EXPECT_FALSE(fs::exists(*without / "repro_vendor.py"));
}

TEST_F(Failures, OnlyTheNewestStay) {
  for (int i = 0; i < 20; ++i) {
    const std::string name = "made" + std::to_string(i);
    write(name + "/x", "x");
    const auto place = move_to_failures(path(name), name);
    ASSERT_TRUE(place.ok());
    const timespec times[2] = {{1'000'000'000 + i, 0}, {1'000'000'000 + i, 0}};
    ::utimensat(AT_FDCWD, place->c_str(), times, 0);
  }
  EXPECT_FALSE(fs::exists(path("state") / "failed" / "made3"));
  EXPECT_TRUE(fs::exists(path("state") / "failed" / "made4"));
  EXPECT_TRUE(fs::exists(path("state") / "failed" / "made19"));
}

}  // namespace
}  // namespace speedster::job
