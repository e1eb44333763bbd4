#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "base/files.h"
#include "base/json.h"
#include "example.h"
#include "report/fate.h"
#include "support/json_schema.h"

namespace speedster {
namespace {

using testing::HasSubstr;

Json schema() {
  auto text = read_file(std::string(SPEEDSTER_SOURCE_DIR) + "/schemas/report.schema.json");
  EXPECT_TRUE(text.ok());
  return *parse_json(*text, "schema");
}

std::string wrong(const Json& report) { return test::JsonSchema(schema(), /*closed=*/true).check(report).value_or(""); }

Json as_json(const Report& report) { return *parse_json(report_json(report), "test"); }

TEST(ReportJson, HoldsTheSchema) { EXPECT_EQ(wrong(as_json(report_test::example_report())), ""); }

TEST(ReportJson, AReportWithNothingInItHoldsTheSchema) {
  Report report;
  report.outcome = "original kept";
  EXPECT_EQ(wrong(as_json(report)), "");
}

TEST(ReportJson, TheSchemaRefusesWhatIsWrong) {
  const Json right = as_json(report_test::example_report());
  Json json = right;
  json["candidates"][0]["fate"] = "best";
  EXPECT_THAT(wrong(json), HasSubstr("$.candidates[0].fate"));
  json = right;
  json["seconds"] = "long";
  EXPECT_THAT(wrong(json), HasSubstr("$.seconds"));
  json = right;
  json.erase("seed");
  EXPECT_THAT(wrong(json), HasSubstr("seed"));
  json = right;
  json["machine_name"] = "mine";
  EXPECT_THAT(wrong(json), HasSubstr("not described"));
}

TEST(ReportJson, TheSchemaKnowsEveryFate) {
  std::vector<std::string> names;
  for (const auto& row : report::kFates) names.emplace_back(row.name);
  EXPECT_EQ(schema()["$defs"]["row"]["properties"]["fate"]["enum"], Json(names));
}

TEST(ReportJson, ComesBackAsItWas) {
  const Report report = report_test::example_report();
  const std::string text = report_json(report);
  Result<Report> back = report_from_json(text);
  ASSERT_TRUE(back) << back.error().full_message();
  EXPECT_EQ(report_json(*back), text);
  EXPECT_EQ(back->seed, report.seed);
  EXPECT_EQ(back->candidates.size(), report.candidates.size());
  EXPECT_EQ(back->candidates[0].fate, CandidateFate::kWinner);
  EXPECT_EQ(back->candidates[0].latency_p90_interval, report.candidates[0].latency_p90_interval);
  EXPECT_EQ(back->candidates[0].options, report.candidates[0].options);
  EXPECT_EQ(back->candidates[0].drop->low, report.candidates[0].drop->low);
  EXPECT_FALSE(back->candidates[3].latency_median);
  EXPECT_EQ(back->corners[3].error, report.corners[3].error);
  ASSERT_TRUE(back->rewriting);
  EXPECT_EQ(back->rewriting->passes[1].relative_l2, 3.8e-7);
  EXPECT_FALSE(back->rewriting->passes[3].relative_l2);
  EXPECT_EQ(*parse_json(back->provenance_json, "test"), *parse_json(report.provenance_json, "test"));
}

TEST(ReportFromJson, PrecisionMapsComeBackAndMayBeMissing) {
  Json json = as_json(report_test::example_report());
  const Result<Report> back = report_from_json(to_text(json));
  ASSERT_TRUE(back);
  ASSERT_EQ(back->precision_maps.size(), 2U);
  const PrecisionMap& map = back->precision_maps[0];
  EXPECT_EQ(map.layers[1].name, "conv2");
  EXPECT_TRUE(map.layers[1].given_back);
  EXPECT_EQ(json["precision_maps"][0]["layers"][1]["precision"], "bf16");
  EXPECT_TRUE(std::isinf(map.layers[3].loses));
  EXPECT_EQ(map.trials[0].given_back, 1U);
  EXPECT_FALSE(back->precision_maps[1].drop);
  json.erase("precision_maps");
  EXPECT_TRUE(report_from_json(to_text(json))->precision_maps.empty());
}

TEST(ReportJson, WithoutRewritingItIsNull) {
  Json json = as_json(report_test::example_report());
  json["rewriting"] = nullptr;
  Result<Report> back = report_from_json(to_text(json));
  ASSERT_TRUE(back) << back.error().full_message();
  EXPECT_FALSE(back->rewriting);
  json["rewriting"] = 3;
  EXPECT_EQ(report_from_json(to_text(json)).error().kind(), ErrorKind::kCorrupt);
}

TEST(ReportJson, AnInfiniteDropIsNullAndComesBackInfinite) {
  Report report = report_test::example_report();
  report.candidates[1].drop = Figure{std::numeric_limits<double>::infinity(), {}, {}};
  EXPECT_TRUE(as_json(report)["candidates"][1]["drop"]["value"].is_null());
  Result<Report> back = report_from_json(report_json(report));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->candidates[1].drop->value, std::numeric_limits<double>::infinity());
}

TEST(ReportJson, HostileTextStaysWellFormed) {
  const std::string text = report_json(report_test::hostile_report());
  ASSERT_TRUE(report_from_json(text));
  EXPECT_EQ(text.find('\x1b'), std::string::npos) << "control characters must be escaped";
}

TEST(ReportJson, MachineTextThatIsNoJsonBecomesNull) {
  Report report = report_test::example_report();
  report.machine_json = "{broken";
  EXPECT_TRUE(as_json(report)["machine"].is_null());
}

TEST(ReportFromJson, RefusesAnotherVersion) {
  Json json = as_json(report_test::example_report());
  json["report_version"] = 2;
  Result<Report> back = report_from_json(to_text(json));
  ASSERT_FALSE(back);
  EXPECT_EQ(back.error().kind(), ErrorKind::kVersion);
  EXPECT_THAT(back.error().message(), HasSubstr("got 2"));
}

TEST(ReportFromJson, IgnoresUnknownKeys) {
  Json json = as_json(report_test::example_report());
  json["new_key"] = 1;
  json["candidates"][0]["new_key"] = "x";
  EXPECT_TRUE(report_from_json(to_text(json)));
}

TEST(ReportFromJson, RefusesAnIndexOutsideTheCandidates) {
  Json json = as_json(report_test::example_report());
  json["winner"] = 99;
  Result<Report> back = report_from_json(to_text(json));
  ASSERT_FALSE(back);
  EXPECT_EQ(back.error().kind(), ErrorKind::kCorrupt);
  EXPECT_THAT(back.error().message(), HasSubstr("winner"));
}

TEST(ReportFromJson, RefusesACountThatIsNegativeOrTooLarge) {
  for (const Json& value : {Json(-1), Json(5'000'000'000), Json(1.5), Json("2")}) {
    Json json = as_json(report_test::example_report());
    json["measurement"]["rounds"] = value;
    EXPECT_FALSE(report_from_json(to_text(json))) << value;
  }
}

TEST(ReportFromJson, EveryMissingKeyIsNamed) {
  const Json whole = as_json(report_test::example_report());
  for (const auto& item : whole.items()) {
    if (item.key() == "precision_maps" || item.key() == "rewriting") continue;  // reports of earlier releases have none
    Json json = whole;
    json.erase(item.key());
    Result<Report> back = report_from_json(to_text(json));
    ASSERT_FALSE(back) << item.key();
    EXPECT_THAT(back.error().message(), HasSubstr(item.key()));
  }
}

TEST(ReportFromJson, RefusesTextThatIsNoReport) {
  for (const char* text : {"", "[]", "null", "{}", "{\"report_version\": 1}"})
    EXPECT_FALSE(report_from_json(text)) << text;
}

}  // namespace
}  // namespace speedster
