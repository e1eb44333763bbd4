#include "samples/batch.h"

#include "support.h"

namespace speedster::samples {
namespace {

std::vector<std::optional<std::size_t>> axes(const Signature& signature) {
  std::vector<std::optional<std::size_t>> result;
  const auto batches = batch_axes(signature, {});
  if (!batches.ok()) return result;
  for (const BatchAxis& batch : *batches) result.push_back(batch.axis);
  return result;
}
constexpr auto kNone = std::nullopt;
using Axes = std::vector<std::optional<std::size_t>>;

TEST(BatchAxes, NamedUnnamedAndFixed) {
  const DType f = DType::kFloat32;
  EXPECT_EQ(
      axes({{spec("a", f, {dynamic("batch"), fixed(3)}), spec("b", f, {dynamic("batch"), dynamic("sequence")})}, {}}),
      (Axes{0, 0}));
  EXPECT_EQ(axes({{spec("a", f, {dynamic("s0"), fixed(3)}), spec("b", f, {dynamic("s0")})}, {}}), (Axes{0, 0}));
  EXPECT_EQ(axes({{spec("a", f, {dynamic(), fixed(3)}), spec("b", f, {fixed(1), fixed(77)})}, {}}), (Axes{0, 0}));
  EXPECT_EQ(axes({{spec("a", f, {dynamic("time"), dynamic("N"), fixed(3)}), spec("b", f, {dynamic("N")})}, {}}),
            (Axes{1, 0}));
  EXPECT_EQ(axes({{spec("a", f, {dynamic("batch"), fixed(3)}), spec("b", f, {dynamic("time")}), spec("c", f, {})}, {}}),
            (Axes{0, kNone, kNone}));
}

TEST(BatchAxes, OnlyCertainWhereTheModelSaysSo) {
  const Signature signature{
      {spec("a", DType::kFloat32, {fixed(8), fixed(3)}), spec("b", DType::kFloat32, {fixed(1), fixed(3)})}, {}};
  const auto batches = batch_axes(signature, {});
  ASSERT_TRUE(batches.ok());
  EXPECT_FALSE((*batches)[0].certain);
  EXPECT_EQ((*batches)[0].size, 8);
  EXPECT_TRUE((*batches)[1].certain);
}

TEST(BatchAxes, ShapesGiveTheSizeToAllThatShareTheSymbol) {
  const Signature signature{
      {spec("a", DType::kFloat32, {dynamic("batch"), fixed(3)}), spec("b", DType::kFloat32, {dynamic("batch")})}, {}};
  const auto batches = batch_axes(signature, {{"a", {4, 3}}});
  ASSERT_TRUE(batches.ok());
  EXPECT_EQ((*batches)[0].size, 4);
  EXPECT_EQ((*batches)[1].size, 4);
}

TEST(BatchAxes, ShapesThatDoNotFitAreUsageErrors) {
  const Signature signature{
      {spec("a", DType::kFloat32, {dynamic("batch"), fixed(3)}), spec("b", DType::kFloat32, {dynamic("batch")})}, {}};
  for (const std::map<std::string, Shape>& shapes : std::vector<std::map<std::string, Shape>>{
           {{"c", {1}}}, {{"a", {1}}}, {{"a", {1, 4}}}, {{"a", {0, 3}}}, {{"a", {-1, 3}}}, {{"a", {2, 3}}, {"b", {4}}}})
    EXPECT_EQ(batch_axes(signature, shapes).error().kind(), ErrorKind::kUsage)
        << shapes.begin()->first << to_string(shapes.begin()->second);
}

}  // namespace
}  // namespace speedster::samples
