#include "cli/suggest.h"

#include <gtest/gtest.h>

namespace speedster::cli {
namespace {

TEST(EditDistance, CountsEdits) {
  EXPECT_EQ(edit_distance("data", "data"), 0);
  EXPECT_EQ(edit_distance("dta", "data"), 1);
  EXPECT_EQ(edit_distance("datta", "data"), 1);
  EXPECT_EQ(edit_distance("dsta", "data"), 1);
  EXPECT_EQ(edit_distance("adta", "data"), 1) << "a swap is one edit";
  EXPECT_EQ(edit_distance("", "data"), 4);
}

TEST(Closest, FindsWhatWasMeant) {
  const std::vector<std::string> known = {"--data", "--labels", "--metric-drop", "--metric"};
  EXPECT_EQ(closest("--metric-dorp", known), "--metric-drop");
  EXPECT_EQ(closest("--dat", known), "--data");
  EXPECT_EQ(closest("--zzzzzzzzzzzz", known), std::nullopt);
}

}  // namespace
}  // namespace speedster::cli
