#include <gmock/gmock.h>

#include "search/session.h"

namespace speedster::search {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

compiler::Recipe recipe(const std::string& precision, const std::string& step = "") {
  compiler::Recipe made;
  made.requested_precision = precision;
  if (!step.empty()) made.steps.push_back({step, "", Json::object()});
  return made;
}

hardware::Machine machine(const hardware::IsaSet& isa) {
  hardware::Machine made;
  made.isa = isa;
  return made;
}

TEST(NeededIsa, Bfloat16NeedsItsInstructionsBesideThoseOfInt8) {
  compiler::Recipe half = recipe("bf16");
  half.options["precision"] = "bf16";
  EXPECT_THAT(needed_isa(half, machine({"avx512_vnni", "avx512_bf16", "amx_bf16"})), ElementsAre("avx512_bf16"));
  compiler::Recipe both = recipe("static-int8", "quantize-static");
  both.options["precision"] = "bf16";
  EXPECT_THAT(needed_isa(both, machine({"avx512_vnni", "avx512_bf16"})), ElementsAre("avx512_vnni", "avx512_bf16"));
}

TEST(NeededIsa, Int8ThatWasJudgedWithVnniNeedsIt) {
  EXPECT_THAT(needed_isa(recipe("static-int8", "quantize-static"), machine({"avx512_vnni"})),
              ElementsAre("avx512_vnni"));
  EXPECT_THAT(needed_isa(recipe("dynamic-int8"), machine({"avx_vnni"})), ElementsAre("avx_vnni"));
  EXPECT_THAT(needed_isa(recipe("mine", "nncf"), machine({"avx_vnni"})), ElementsAre("avx_vnni"))
      << "whatever it is called";
}

TEST(NeededIsa, SoDoesAModelThatCameQuantized) {
  EXPECT_THAT(needed_isa(recipe("fp32"), machine({"avx512_vnni"}), "int8"), ElementsAre("avx512_vnni"));
  EXPECT_THAT(needed_isa(recipe("fp32"), machine({"avx512_vnni"}), "mixed"), ElementsAre("avx512_vnni"));
}

TEST(NeededIsa, OtherPrecisionsAndSevenBitWeightsRunEverywhere) {
  EXPECT_THAT(needed_isa(recipe("fp32"), machine({"avx512_vnni"})), IsEmpty());
  EXPECT_THAT(needed_isa(recipe("fp32"), machine({"avx512_vnni"}), "f32"), IsEmpty());
  EXPECT_THAT(needed_isa(recipe("fp16", "convert-half"), machine({"avx512_vnni"})), IsEmpty());
  EXPECT_THAT(needed_isa(recipe("fp16", "convert-half"), machine({"avx512_vnni"}), "mixed"), IsEmpty());
  EXPECT_THAT(needed_isa(recipe("static-int8", "quantize-static"), machine({})), IsEmpty())
      << "judged with 7-bit weights";
}

}  // namespace
}  // namespace speedster::search
