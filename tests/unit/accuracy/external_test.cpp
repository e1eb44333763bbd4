#include "accuracy/external.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>

#include "base/files.h"
#include "tensor/safetensors.h"

namespace speedster::accuracy {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class External : public testing::Test {
 protected:
  void SetUp() override {
    auto made = TempDir::create("external");
    ASSERT_TRUE(made.ok());
    folder_.emplace(std::move(*made));
    options_.directory = folder_->path();
    options_.command = {"metric", "{original}", "--to={candidate}", "{indices}"};
  }
  Result<ExternalMetric> create(RunProgram run) { return ExternalMetric::create(options_, {"y"}, std::move(run)); }
  static Result<void> add(ExternalMetric& metric, std::size_t sample, float original, float candidate) {
    Tensor a(DType::kFloat32, {1}), b(DType::kFloat32, {1});
    a.as<float>()[0] = original;
    b.as<float>()[0] = candidate;
    return metric.add(sample, {a.view()}, {b.view()});
  }
  std::size_t files() const {
    return static_cast<std::size_t>(std::distance(fs::directory_iterator(folder_->path()), {}));
  }

  std::optional<TempDir> folder_;
  ExternalOptions options_;
};

TEST_F(External, TheProgramSeesBothOutputsAndWhichSamplesTheyAre) {
  std::vector<std::string> seen;
  auto metric = create([&](const std::vector<std::string>& argv, const fs::path& cwd) -> Result<std::string> {
    seen = argv;
    EXPECT_EQ(cwd, fs::current_path());
    auto original = SafetensorsFile::open(argv[1]), candidate = SafetensorsFile::open(argv[2].substr(5)),
         indices = SafetensorsFile::open(argv[3]);
    EXPECT_THAT(original->names(), ElementsAre("y.7", "y.3"));
    EXPECT_EQ(candidate->tensor("y.3")->as<float>()[0], 2.5F);
    EXPECT_THAT(indices->tensor("indices")->as<std::int64_t>(), ElementsAre(7, 3));
    return std::string("exact match 0.99 -> 0.97\n0.02\n\n");
  });
  ASSERT_TRUE(metric.ok());
  ASSERT_TRUE(add(*metric, 7, 1, 1).ok());
  ASSERT_TRUE(add(*metric, 3, 2, 2.5F).ok());
  const auto drop = metric->finish(true);
  ASSERT_TRUE(drop.ok()) << drop.error().full_message();
  EXPECT_EQ(seen[0], "metric");
  EXPECT_EQ(drop->value, 0.02);
  EXPECT_EQ(drop->samples, 2U);
  EXPECT_NEAR(drop->relative_l2, 0.125, 1e-9) << "looked at whatever the program says";
  EXPECT_FALSE(drop->high.has_value()) << "one run has no interval";
  EXPECT_EQ(files(), 0U);
}

TEST_F(External, WithoutPlaceholdersTheFourPathsFollow) {
  options_.command = {"metric", "--quiet"};
  options_.labels = "labels.txt";
  std::vector<std::string> seen;
  auto metric = create([&](const std::vector<std::string>& argv, const fs::path&) -> Result<std::string> {
    seen = argv;
    return std::string("0");
  });
  ASSERT_TRUE(add(*metric, 0, 1, 1).ok());
  ASSERT_TRUE(metric->finish(false).ok());
  ASSERT_EQ(seen.size(), 6U);
  EXPECT_THAT(seen[2], HasSubstr("original.safetensors"));
  EXPECT_THAT(seen[3], HasSubstr("candidate.safetensors"));
  EXPECT_EQ(seen[4], fs::absolute("labels.txt"));
  EXPECT_THAT(seen[5], HasSubstr("indices.safetensors"));
}

TEST_F(External, SeveralRunsAreWeightedAndGiveAnInterval) {
  options_.samples_per_run = 2;
  int runs = 0;
  auto metric = create([&](const std::vector<std::string>&, const fs::path&) -> Result<std::string> {
    return std::to_string(0.1 * ++runs);
  });
  for (std::size_t i = 0; i < 5; ++i) ASSERT_TRUE(add(*metric, i, 1, 1).ok());
  const auto drop = metric->finish(true);
  ASSERT_TRUE(drop.ok());
  EXPECT_EQ(runs, 3);
  EXPECT_NEAR(drop->value, (0.1 * 2 + 0.2 * 2 + 0.3) / 5, 1e-12);
  EXPECT_TRUE(drop->high.has_value());
}

TEST_F(External, OutputsBeyondTheBoundAreJudgedInSeveralRuns) {
  options_.bytes_per_run = 16;  // of both: two samples of a float
  int runs = 0;
  auto metric = create([&](const std::vector<std::string>&, const fs::path&) -> Result<std::string> {
    return ++runs, std::string("0");
  });
  for (std::size_t i = 0; i < 6; ++i) ASSERT_TRUE(add(*metric, i, 1, 1).ok());
  ASSERT_TRUE(metric->finish(true).ok());
  EXPECT_EQ(runs, 3);
}

TEST_F(External, RubbishIsShown) {
  for (const char* rubbish : {"", "\n \n", "nan", "inf", "0.1 percent", "drop: 0.1", "0,1", "0.1\ndone"}) {
    auto metric = create(
        [&](const std::vector<std::string>&, const fs::path&) -> Result<std::string> { return std::string(rubbish); });
    ASSERT_TRUE(add(*metric, 0, 1, 1).ok());
    const auto drop = metric->finish(true);
    ASSERT_FALSE(drop.ok()) << rubbish;
    EXPECT_EQ(drop.error().kind(), ErrorKind::kBadInput);
    EXPECT_THAT(drop.error().message(), HasSubstr("last line"));
  }
}

TEST_F(External, AFailureKeepsItsKindAndItsFiles) {
  auto metric = create([](const std::vector<std::string>&, const fs::path&) -> Result<std::string> {
    return Error(ErrorKind::kTimeout, "[job] expected an end within 600 s, got none");
  });
  ASSERT_TRUE(add(*metric, 0, 1, 1).ok());
  const auto drop = metric->finish(true);
  ASSERT_FALSE(drop.ok());
  EXPECT_EQ(drop.error().kind(), ErrorKind::kTimeout);
  EXPECT_THAT(drop.error().full_message(), testing::AllOf(HasSubstr("the metric metric"), HasSubstr("within 600 s")));
  EXPECT_EQ(files(), 3U);
}

TEST_F(External, UsageErrors) {
  const RunProgram run = [](const std::vector<std::string>&, const fs::path&) -> Result<std::string> {
    return std::string("0");
  };
  options_.command = {};
  EXPECT_EQ(create(run).error().kind(), ErrorKind::kUsage);
  options_.command = {"metric", "{labels}"};
  EXPECT_EQ(create(run).error().kind(), ErrorKind::kUsage);
  options_.command = {"metric"};
  auto metric = create(run);
  EXPECT_EQ(metric->finish(true).error().kind(), ErrorKind::kBadInput) << "nothing to judge";
}

}  // namespace
}  // namespace speedster::accuracy
