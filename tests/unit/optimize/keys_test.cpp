#include "optimize/keys.h"

#include <gtest/gtest.h>

#include <functional>
#include <set>

#include "base/files.h"

namespace speedster {
namespace {

class Keys : public testing::Test {
 protected:
  void SetUp() override {
    auto folder = TempDir::create("keys-");
    ASSERT_TRUE(folder.ok());
    folder_.emplace(std::move(*folder));
    ASSERT_TRUE(write_file(path("x.npy"), "samples").ok());
    ASSERT_TRUE(write_file(path("metric.py"), "import helper").ok());
    ASSERT_TRUE(write_file(path("helper.py"), "DROP = 0").ok());
    session_.signature.inputs.push_back({"x", DType::kFloat32, {{1}, {2}}});
    samples::SampleOptions random;
    random.random = true;
    auto store = samples::build_store(random, session_.signature, path("store"));
    ASSERT_TRUE(store.ok()) << store.error().full_message();
    session_.store = *store;
    session_.request = &request_;
  }
  fs::path path(const char* name) const { return folder_->path() / name; }
  std::string search() const { return search_key(session_); }

  OptimizeRequest request_;
  search::Session session_;

 private:
  std::optional<TempDir> folder_;
};

TEST_F(Keys, OfASearchChangesWithEverythingThatIsAsked) {
  const std::vector<std::function<void()>> changes = {
      [&] { session_.model_digest = "other"; },
      [&] { session_.fingerprint = "other"; },
      [&] { session_.threads = 7; },
      [&] { request_.metric = "mse"; },
      [&] { request_.output_name = "y"; },
      [&] { request_.metric_confidence = 0.9; },
      [&] { request_.concurrency = 3; },
      [&] { request_.seed = 5; },
      [&] { request_.session["spinning"] = "0"; },
      [&] { session_.signature.inputs[0].axes[0] = {2}; },
      [&] { request_.metric_command = {"python3"}; },
      [&] { request_.candidates = path("x.npy"); },
  };
  std::set<std::string> seen = {search()};
  for (std::size_t i = 0; i < changes.size(); ++i) {
    changes[i]();
    EXPECT_TRUE(seen.insert(search()).second) << "change " << i;
  }
}

TEST_F(Keys, TheBudgetsAreNoPartOfASearch) {
  const std::string before = search();
  request_.metric_drop = 0.01;
  request_.time_budget_seconds = 5;
  request_.output = "elsewhere";
  EXPECT_EQ(search(), before);
}

TEST_F(Keys, EditingTheMetricOrWhatItImportsAsksAnotherQuestion) {
  request_.metric_command = {"python3", path("metric.py").string(), "{original}"};
  const std::string before = search();
  EXPECT_EQ(search(), before);
  ASSERT_TRUE(write_file(path("metric.py"), "import helper, sys").ok());
  const std::string edited = search();
  EXPECT_NE(edited, before);
  ASSERT_TRUE(write_file(path("helper.py"), "DROP = 1").ok());
  EXPECT_NE(search(), edited);
}

TEST_F(Keys, OfSamplesChangeWithTheFileAndWhatIsSaidAboutIt) {
  samples::SampleOptions options;
  options.data = path("x.npy");
  std::set<std::string> seen = {store_key(options, session_.signature)};
  EXPECT_TRUE(seen.contains(store_key(options, session_.signature)));
  ASSERT_TRUE(write_file(options.data, "other samples").ok());
  EXPECT_TRUE(seen.insert(store_key(options, session_.signature)).second);
  options.shapes["x"] = {2, 2};
  EXPECT_TRUE(seen.insert(store_key(options, session_.signature)).second);
  options.labels = path("helper.py");
  EXPECT_TRUE(seen.insert(store_key(options, session_.signature)).second);
  options.random = true;
  EXPECT_TRUE(seen.insert(store_key(options, session_.signature)).second);
}

}  // namespace
}  // namespace speedster
