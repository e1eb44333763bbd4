#include "compressor/steps.h"

#include <gtest/gtest.h>

#include "unit/compressor/graphs.h"

namespace speedster::compressor {
namespace {

using namespace speedster::testing;

TEST(Steps, FromFileToFileAndTheInputStays) {
  const TempDir folder = value_or_throw(TempDir::create("steps"));
  const fs::path in = models::mlp().save(folder.path() / "in.onnx"), out = folder.path() / "out.onnx";
  const std::string before = value_or_throw(read_file(in));
  EXPECT_EQ(value_or_throw(quantize_dynamic_file(in, out, {})).quantized_nodes, 2U);
  EXPECT_EQ(count(value_or_throw(onnx_model::OnnxModel::read(out)), "MatMulInteger"), 2U);
  const Ranges ranges{{"x", {-1, 1}}, {"r", {0, 3}}};
  EXPECT_EQ(value_or_throw(quantize_static_file(in, out, value_or_throw(target_for("onnxruntime", true)), ranges, {}))
                .quantized_nodes,
            2U);
  EXPECT_GT(value_or_throw(convert_half_file(in, out, Half::kFloat16, {})).quantized_nodes, 0U);
  EXPECT_EQ(value_or_throw(read_file(in)), before);
}

TEST(Steps, RangesGoThroughJsonExactly) {
  const Ranges ranges{{"a", {-0.1, 1.0 / 3.0}}, {"b/c", {0, 1e30}}};
  const Ranges back = value_or_throw(ranges_from_json(value_or_throw(parse_json(to_text(to_json(ranges)), "test"))));
  ASSERT_EQ(back.size(), 2U);
  EXPECT_EQ(back.at("a").low, -0.1);
  EXPECT_EQ(back.at("a").high, 1.0 / 3.0);
}

TEST(Steps, BrokenRangesAreRefused) {
  for (const char* text : {"[]", "{\"a\":1}", "{\"a\":[1]}", "{\"a\":[1,null]}", "{\"a\":[2,1]}", "{\"a\":[\"0\",1]}"})
    EXPECT_EQ(ranges_from_json(value_or_throw(parse_json(text, "test"))).error().kind(), ErrorKind::kCorrupt) << text;
}

}  // namespace
}  // namespace speedster::compressor
