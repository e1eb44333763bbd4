/// A folder of its own for each test, with the user's folders inside it.
#pragma once
#include <gtest/gtest.h>

#include "support/packages.h"

namespace speedster::learner {

class LearnerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto made = TempDir::create("learner");
    ASSERT_TRUE(made.ok());
    folder_.emplace(std::move(*made));
    ::setenv("SPEEDSTER_CACHE_DIR", (root() / "cache").c_str(), 1);
    ::setenv("SPEEDSTER_STATE_DIR", (root() / "state").c_str(), 1);
  }
  fs::path root() const { return fs::canonical(folder_->path()); }
  /// A package of the two-layer MLP.
  fs::path mlp(const std::vector<test::VariantPlan>& variants = {{}},
               std::vector<package::SampleToPack> samples = {}) const {
    return test::make_package(root() / "mlp.speedster", testing::models::mlp(), variants, std::move(samples));
  }

 private:
  std::optional<TempDir> folder_;
};

}  // namespace speedster::learner
