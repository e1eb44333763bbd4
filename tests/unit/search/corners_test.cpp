#include <gmock/gmock.h>

#include "search/session.h"

namespace speedster::search {
namespace {

Axis moving(const std::string& name, std::int64_t min, std::int64_t opt, std::int64_t max) {
  return {-1, name, min, opt, max};
}

TEST(Corners, AllTogetherAndEachAlone) {
  Signature signature;
  signature.inputs.push_back({"x", DType::kFloat32, {moving("batch", 1, 2, 8), {3}, moving("width", 40, 320, 640)}});
  std::vector<std::string> names;
  for (const Corner& corner : corners_of(signature)) names.push_back(corner.name);
  EXPECT_THAT(names,
              ::testing::ElementsAre("batch=1 width=40", "batch=2 width=320", "batch=8 width=640", "batch=1 width=320",
                                     "batch=8 width=320", "batch=2 width=40", "batch=2 width=640"));
  EXPECT_EQ(corners_of(signature)[0].shapes.at("x"), (Shape{1, 3, 40}));
}

TEST(Corners, AxesOfOneNameMoveTogether) {
  Signature signature;
  signature.inputs.push_back({"a", DType::kFloat32, {moving("n", 1, 1, 4)}});
  signature.inputs.push_back({"b", DType::kFloat32, {moving("n", 1, 1, 4), {2}}});
  const auto corners = corners_of(signature);
  ASSERT_EQ(corners.size(), 2U) << "min and opt are the same corner";
  EXPECT_EQ(corners[1].shapes.at("a"), (Shape{4}));
  EXPECT_EQ(corners[1].shapes.at("b"), (Shape{4, 2}));
}

TEST(Thirds, BySize) {
  const auto thirds = thirds_of({50, 10, 40, 20, 60, 30});
  ASSERT_EQ(thirds.size(), 3U);
  EXPECT_THAT(thirds[0], ::testing::ElementsAre(1, 3));
  EXPECT_THAT(thirds[1], ::testing::ElementsAre(5, 2));
  EXPECT_THAT(thirds[2], ::testing::ElementsAre(0, 4));
  EXPECT_TRUE(thirds_of({7, 7, 7, 7}).empty());
  EXPECT_TRUE(thirds_of({1, 2}).empty());
}

TEST(Corners, WithoutAxesThatMoveThereAreNone) {
  Signature signature;
  signature.inputs.push_back({"x", DType::kFloat32, {{1}, moving("same", 3, 3, 3), {-1, "unknown"}}});
  EXPECT_TRUE(corners_of(signature).empty());
}

}  // namespace
}  // namespace speedster::search
