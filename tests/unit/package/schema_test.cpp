// schemas/manifest.schema.json says the same as the reader.
#include <gtest/gtest.h>

#include "support/json_schema.h"
#include "unit/package/fixture.h"

namespace speedster::package {
namespace {

class Schema : public PackageTest {
 protected:
  void SetUp() override {
    PackageTest::SetUp();
    const auto text = read_file(fs::path(SPEEDSTER_SOURCE_DIR) / "schemas/manifest.schema.json");
    ASSERT_TRUE(text.ok());
    schema_ = parse_json(*text, "schema").value();
    json_ = to_json(read_manifest(written())->manifest);
  }
  std::string wrong(const Json& json) const { return test::JsonSchema(schema_).check(json).value_or(""); }

  /// Each object of the manifest with the schema of its keys.
  std::vector<std::pair<Json::json_pointer, Json>> objects() const {
    const Json& defs = schema_["$defs"];
    return {{Json::json_pointer(""), schema_},
            {Json::json_pointer("/entries/main"), defs["entry"]},
            {Json::json_pointer("/entries/main/signature"), defs["entry"]["properties"]["signature"]},
            {Json::json_pointer("/entries/main/signature/inputs/0"), defs["tensor"]},
            {Json::json_pointer("/entries/main/variants/0"), defs["variant"]},
            {Json::json_pointer("/entries/main/variants/0/needs"), defs["needs"]},
            {Json::json_pointer("/files/payload~1model.onnx"), schema_["properties"]["files"]["additionalProperties"]}};
  }
  Json schema_, json_;
};

TEST_F(Schema, AcceptsWhatIsWritten) { EXPECT_EQ(wrong(json_), ""); }

TEST_F(Schema, WhatItRequiresTheReaderRequires) {
  for (const auto& [place, schema] : objects()) {
    for (const Json& key : schema["required"]) {
      Json without = json_;
      without[place].erase(key.get<std::string>());
      EXPECT_NE(wrong(without), "") << place << " " << key;
      EXPECT_FALSE(manifest_from_json(without).ok()) << place << " " << key;
    }
  }
}

TEST_F(Schema, NamesEveryKeyThatIsWritten) {
  for (const auto& [place, schema] : objects())
    for (const auto& item : json_[place].items())
      EXPECT_TRUE(schema["properties"].contains(item.key())) << place << " " << item.key();
}

TEST_F(Schema, RefusesWhatTheReaderRefuses) {
  const std::pair<const char*, Json> changes[] = {
      {"/format", "zip"},
      {"/version", 2},
      {"/version", 0},
      {"/entries/main/variants", Json::array()},
      {"/entries/main/variants/0/kind", "script"},
      {"/entries/main/variants/0/precision", "fp32"},
      {"/entries/main/variants/0/options/threads", 2},
      {"/entries/main/variants/0/backend", "../x"},
      {"/entries/main/variants/0/threads", -1},
      {"/entries/main/variants/0/needs/memory_bytes", -1},
      {"/files/payload~1model.onnx/sha256", "AA"},
      {"/files/payload~1model.onnx/bytes", -1},
      {"/entries/main/signature/inputs/0/dtype", "string"},
      {"/entries/main/signature/inputs/0/shape/0", -1},
      {"/files/~1etc~1passwd", {{"sha256", std::string(64, 'a')}, {"bytes", 1}}}};
  for (const auto& [place, value] : changes) {
    Json changed = json_;
    changed[Json::json_pointer(place)] = value;
    EXPECT_NE(wrong(changed), "") << place;
    EXPECT_FALSE(manifest_from_json(changed).ok()) << place;
  }
}

}  // namespace
}  // namespace speedster::package
