#include "learner/learner.h"

#include <gmock/gmock.h>

#include "base/digest.h"
#include "package/trust.h"
#include "support/json_schema.h"
#include "unit/learner/fixture.h"

namespace speedster::learner {
namespace {

using test::VariantPlan;
using ::testing::AllOf;
using ::testing::HasSubstr;

class Load : public LearnerTest {
 protected:
  static VariantPlan variant(const std::string& name, package::Needs needs = {}) {
    VariantPlan plan;
    plan.name = name;
    plan.needs = std::move(needs);
    return plan;
  }
  static package::Needs isa(const std::string& name) {
    package::Needs needs;
    needs.isa = {name};
    return needs;
  }
};

TEST_F(Load, TheFirstVariantWhoseNeedsAreMet) {
  const auto learner =
      Learner::load(mlp({variant("first", isa("an_isa_of_the_future")), variant("second"), variant("third")}), {});
  ASSERT_TRUE(learner.ok()) << learner.error().full_message();
  EXPECT_EQ((*learner)->variant().name, "second");
  ASSERT_EQ((*learner)->passed_over().size(), 1U);
  EXPECT_EQ((*learner)->passed_over()[0].variant, "first");
  EXPECT_THAT((*learner)->passed_over()[0].reason, HasSubstr("an_isa_of_the_future"));
}

TEST_F(Load, HidingAnInstructionSetGivesTheNextVariant) {
  const hardware::Machine machine = hardware::probe();
  ASSERT_FALSE(machine.isa.empty());
  const std::string some = *machine.isa.begin();
  const fs::path package = mlp({variant("fast", isa(some)), variant("portable")});
  EXPECT_EQ(Learner::load(package, {}).value()->variant().name, "fast");
  LoadOptions hidden;
  hidden.hide_isa = {some};
  EXPECT_EQ(Learner::load(package, hidden).value()->variant().name, "portable");
}

TEST_F(Load, ARequiredVariantIsNotReplaced) {
  const fs::path package = mlp({variant("first", isa("an_isa_of_the_future")), variant("second")});
  LoadOptions options;
  options.require_variant = "first";
  const auto refused = Learner::load(package, options);
  EXPECT_EQ(refused.error().kind(), ErrorKind::kUnsupported);
  EXPECT_THAT(refused.error().full_message(), HasSubstr("an_isa_of_the_future"));
  options.require_variant = "second";
  EXPECT_EQ(Learner::load(package, options).value()->variant().name, "second");
  options.require_variant = "third";
  EXPECT_THAT(Learner::load(package, options).error().message(),
              AllOf(HasSubstr("first, second"), HasSubstr("\"third\"")));
}

TEST_F(Load, WhereNoneLoadsEveryReasonIsSaid) {
  VariantPlan unknown = variant("elsewhere");
  unknown.backend = "no_such_backend";
  const auto none = Learner::load(mlp({variant("first", isa("an_isa_of_the_future")), unknown}), {});
  EXPECT_EQ(none.error().kind(), ErrorKind::kUnsupported);
  EXPECT_THAT(none.error().message(), AllOf(HasSubstr("an_isa_of_the_future"), HasSubstr("no_such_backend")));
}

TEST_F(Load, AVendorThatFailsFallsBackWithItsReason) {
  VariantPlan failing = variant("failing");
  failing.options = {{"fault", "error"}, {"fault_at", "load"}};
  std::vector<std::string> warnings;
  LoadOptions options;
  options.log = Log([&](LogLevel level, std::string_view text) {
    if (level == LogLevel::kWarning) warnings.emplace_back(text);
  });
  const auto learner = Learner::load(mlp({failing, variant("sound")}), options);
  ASSERT_TRUE(learner.ok()) << learner.error().full_message();
  EXPECT_EQ((*learner)->variant().name, "sound");
  ASSERT_EQ(warnings.size(), 1U);
  EXPECT_THAT(warnings[0], HasSubstr("passed over \"failing\""));
}

TEST_F(Load, AnOnlyVariantKeepsItsOwnKind) {
  VariantPlan plan = variant("only");
  plan.backend = "no_such_backend";
  EXPECT_EQ(Learner::load(mlp({plan}), {}).error().kind(), ErrorKind::kNotFound);
}

TEST_F(Load, OptionsOfTheCallerWin) {
  LoadOptions options;
  options.options = {{"precision", "bf16"}};
  const auto learner = Learner::load(mlp(), options);
  ASSERT_TRUE(learner.ok()) << learner.error().full_message();
  EXPECT_EQ((*learner)->info().value()["precision"], "bf16");
}

TEST_F(Load, UnknownOptionsAreUsageErrorsAndDoNotFallBack) {
  LoadOptions options;
  options.options = {{"precison", "bf16"}};
  const auto learner = Learner::load(mlp({variant("a"), variant("b")}), options);
  EXPECT_EQ(learner.error().kind(), ErrorKind::kUsage);
  EXPECT_THAT(learner.error().full_message(), AllOf(HasSubstr("precison"), HasSubstr("precision")));
}

TEST_F(Load, OptionsOfThePackageThatThePluginDoesNotKnowFallBack) {
  VariantPlan newer = variant("newer");
  newer.options = {{"an_option_of_the_future", "1"}};
  const auto learner = Learner::load(mlp({newer, variant("sound")}), {});
  ASSERT_TRUE(learner.ok()) << learner.error().full_message();
  EXPECT_EQ((*learner)->variant().name, "sound");
  EXPECT_THAT((*learner)->passed_over()[0].reason, HasSubstr("an_option_of_the_future"));
}

TEST_F(Load, OptionsThatNameFilesAreTheCallersAlone) {
  VariantPlan sly = variant("sly");
  sly.options = {{"library", "/tmp/evil.so"}};
  const fs::path package = mlp({sly, variant("sound")});
  const auto learner = Learner::load(package, {});
  ASSERT_TRUE(learner.ok()) << learner.error().full_message();
  EXPECT_EQ((*learner)->variant().name, "sound");
  EXPECT_THAT((*learner)->passed_over()[0].reason, AllOf(HasSubstr("\"library\""), HasSubstr("/tmp/evil.so")));
  LoadOptions options;
  options.require_variant = "sly";
  EXPECT_EQ(Learner::load(package, options).error().kind(), ErrorKind::kBadInput);
  options.require_variant = "sound";
  options.options = {{"library", "/mine.so"}};
  EXPECT_TRUE(Learner::load(package, options).ok());
}

TEST_F(Load, APluginIsSentOnlyWhatItDeclares) {
  VariantPlan other = variant("other");
  other.backend = "fake";  // it has threads, but no contexts
  LoadOptions options;
  options.backend_path = (fs::path(SPEEDSTER_BUILD_DIR) / "tests/fakes/plugins").string();
  options.threads = 2;
  const auto learner = Learner::load(mlp({other}), options);
  EXPECT_TRUE(learner.ok()) << learner.error().full_message();
}

TEST_F(Load, ThreadsAreAsJudgedButNoMoreThanThereAre) {
  VariantPlan plan = variant("wide");
  plan.threads = 4096;
  const fs::path package = mlp({plan});
  const int cores = hardware::probe().usable_cores;
  EXPECT_EQ(Learner::load(package, {}).value()->info().value()["options"]["threads"], std::to_string(cores));
  LoadOptions options;
  options.threads = 3;
  EXPECT_EQ(Learner::load(package, options).value()->info().value()["options"]["threads"], "3");
  plan.threads = 0;
  EXPECT_FALSE(Learner::load(mlp({plan}), {}).value()->info().value()["options"].contains("threads"))
      << "the vendor's default";
}

TEST_F(Load, TheManifestMayBePinned) {
  const fs::path package = mlp();
  LoadOptions options;
  options.manifest_sha256 = sha256(read_file(package / "manifest.json").value());
  EXPECT_TRUE(Learner::load(package, options).ok());
  options.manifest_sha256[0] = options.manifest_sha256[0] == '0' ? '1' : '0';
  EXPECT_EQ(Learner::load(package, options).error().kind(), ErrorKind::kCorrupt);
}

TEST_F(Load, AChangedByteIsAnErrorAndNoFallback) {
  const fs::path package = mlp({variant("a"), variant("b")});
  std::string bytes = read_file(package / "payload/model.onnx").value();
  bytes[bytes.size() / 2] ^= 1;
  ASSERT_TRUE(write_file(package / "payload/model.onnx", bytes).ok());
  const auto learner = Learner::load(package, {});
  EXPECT_EQ(learner.error().kind(), ErrorKind::kCorrupt);
  EXPECT_THAT(learner.error().full_message(), HasSubstr("payload/model.onnx"));
}

TEST_F(Load, CodeLoadsIfThisMachineMadeItOrTheCallerAllowsIt) {
  VariantPlan code = variant("compiled");
  code.kind = package::PayloadKind::kCode;
  const fs::path package = mlp({code});
  const auto refused = Learner::load(package, {});
  EXPECT_EQ(refused.error().kind(), ErrorKind::kPermission);
  EXPECT_THAT(refused.error().full_message(), HasSubstr("allow_code"));
  LoadOptions allowing;
  allowing.allow_code = true;
  EXPECT_TRUE(Learner::load(package, allowing).ok());
  const package::Manifest manifest = package::read_manifest(package)->manifest;
  ASSERT_TRUE(package::record_made_here(manifest, manifest.entries.at("main").variants[0]).ok());
  EXPECT_TRUE(Learner::load(package, {}).ok());
}

TEST_F(Load, EntriesByName) {
  LoadOptions options;
  options.entry = "decode";
  EXPECT_THAT(Learner::load(mlp(), options).error().message(), AllOf(HasSubstr("main"), HasSubstr("\"decode\"")));
}

TEST_F(Load, AReadOnlyPackageLoads) {
  const fs::path package = mlp();
  for (const auto& entry : fs::recursive_directory_iterator(package))
    fs::permissions(entry, fs::perms::all & ~fs::perms(0222));
  fs::permissions(package, fs::perms(0555));
  EXPECT_TRUE(Learner::load(package, {}).ok());
  fs::permissions(package, fs::perms(0755));
  for (const auto& entry : fs::recursive_directory_iterator(package)) fs::permissions(entry, fs::perms(0755));
}

TEST_F(Load, InfoFollowsItsSchema) {
  VariantPlan judged = variant("judged");
  judged.measured = {{"fingerprint", hardware::fingerprint(hardware::probe())}};
  const auto learner = Learner::load(mlp({variant("first", isa("an_isa_of_the_future")), judged}), {});
  ASSERT_TRUE(learner.ok()) << learner.error().full_message();
  const Json info = (*learner)->info().value();
  const auto schema = read_file(fs::path(SPEEDSTER_SOURCE_DIR) / "schemas/learner_info.schema.json");
  ASSERT_TRUE(schema.ok());
  EXPECT_EQ(test::JsonSchema(parse_json(*schema, "schema").value()).check(info).value_or(""), "") << info.dump(1);
  EXPECT_EQ(info["precision"], "f32");
  EXPECT_EQ(info["judged_here"], true);
  EXPECT_EQ(info["vendor_source"], "none");
}

TEST_F(Load, AnotherMachineIsSaid) {
  VariantPlan judged = variant("judged");
  judged.measured = {{"fingerprint", std::string(64, '0')}};
  std::vector<std::string> lines;
  LoadOptions options;
  options.log = Log([&](LogLevel, std::string_view text) { lines.emplace_back(text); });
  const auto learner = Learner::load(mlp({judged}), options);
  ASSERT_TRUE(learner.ok());
  EXPECT_EQ((*learner)->info().value()["judged_here"], false);
  EXPECT_THAT(lines, ::testing::Contains(HasSubstr("another machine")));
}

}  // namespace
}  // namespace speedster::learner
