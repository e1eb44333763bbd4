#include "package/merge.h"

#include <gmock/gmock.h>

#include "support/json_schema.h"
#include "unit/package/fixture.h"

namespace speedster::package {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class MergeTest : public PackageTest {
 protected:
  struct Plan {
    std::string name;
    hardware::IsaSet isa;
    std::string content = "the model";
  };
  static Variant variant_of(const Plan& plan, const std::string& codename) {
    Variant variant = manifest().entries.at("main").variants.at(0);
    variant.name = plan.name;
    variant.needs.isa = plan.isa;
    variant.payload = "payloads/" + plan.name + "/model.onnx";
    variant.files = {variant.payload};
    variant.measured = {{"fingerprint", codename + " fingerprint"},
                        {"processor", codename + " 9000"},
                        {"codename", codename},
                        {"drop", {{"value", 0.001}}}};
    return variant;
  }
  fs::path made(const std::string& codename, const std::vector<Plan>& plans, const Json& told = Json::object(),
                const std::string& axis = "batch") const {
    const fs::path target = root() / (codename + ".speedster");
    auto writer = PackageWriter::create(target);
    Manifest m = manifest();
    EntryPoint& entry = m.entries["main"];
    entry.signature.inputs[0].axes[0].name = axis;
    entry.variants.clear();
    for (const Plan& plan : plans) {
      entry.variants.push_back(variant_of(plan, codename));
      EXPECT_TRUE(writer->add_text(plan.content, entry.variants.back().payload).ok());
    }
    entry.samples = "samples/main.safetensors";
    EXPECT_TRUE(writer->add_text("samples of " + codename, entry.samples).ok());
    EXPECT_TRUE(writer->add_text("{}", kReportFile).ok());
    m.provenance = {{"model_digest", "m"}, {"samples_digest", "s"}, {"metric_drop", 0.01}};
    m.provenance.update(told);
    EXPECT_TRUE(writer->commit(m).ok());
    return target;
  }
  fs::path zen() const { return made("Zen 4", {{"fast", {"avx2"}, "fast here"}, {"original", {}}}); }
  fs::path xeon() const {
    return made("Sapphire Rapids", {{"fast", {"avx2", "amx_int8"}, "fast there"}, {"original", {}}});
  }
  Manifest merged(const std::vector<fs::path>& packages) const {
    const auto done = merge(packages, root() / "merged.speedster");
    EXPECT_TRUE(done.ok()) << done.error().full_message();
    return read_manifest(root() / "merged.speedster").value().manifest;
  }
  static std::vector<std::string> names(const Manifest& manifest) {
    std::vector<std::string> names;
    for (const Variant& variant : manifest.entries.at("main").variants) names.push_back(variant.name);
    return names;
  }
  std::string refusal(const std::vector<fs::path>& packages) const {
    const auto done = merge(packages, root() / "refused.speedster");
    EXPECT_FALSE(done.ok());
    EXPECT_EQ(done.error().kind(), ErrorKind::kUsage);
    EXPECT_FALSE(fs::exists(root() / "refused.speedster"));
    return done.error().full_message();
  }
};

TEST_F(MergeTest, KeepsEveryVariantWithItsNeedsAndMeasurements) {
  const Manifest manifest = merged({zen(), xeon()});
  EXPECT_THAT(names(manifest), ElementsAre("fast.sapphire-rapids", "fast", "original", "original.sapphire-rapids"));
  const auto& variants = manifest.entries.at("main").variants;
  EXPECT_EQ(variants[0].needs.isa, (hardware::IsaSet{"amx_int8", "avx2"}));
  EXPECT_EQ(variants[0].measured["processor"], "Sapphire Rapids 9000");
  EXPECT_EQ(variants[1].measured["processor"], "Zen 4 9000");
  EXPECT_EQ(variants[1].measured["drop"]["value"], 0.001);
  const fs::path package = root() / "merged.speedster";
  EXPECT_TRUE(check_all(package, manifest).ok());
  EXPECT_EQ(read_file(package / variants[0].payload).value(), "fast there");
  EXPECT_EQ(read_file(package / variants[1].payload).value(), "fast here");
  EXPECT_EQ(read_file(package / "samples/main.safetensors").value(), "samples of Zen 4");
}

TEST_F(MergeTest, HoldsItsSchema) {
  merged({zen(), xeon()});
  const Json json = parse_json(read_file(root() / "merged.speedster/manifest.json").value(), "test").value();
  const std::string schema = read_file(fs::path(SPEEDSTER_SOURCE_DIR) / "schemas/manifest.schema.json").value();
  EXPECT_EQ(test::JsonSchema(parse_json(schema, "test").value()).check(json).value_or(""), "");
}

TEST_F(MergeTest, EqualPayloadsAreStoredOnce) {
  const Manifest manifest = merged({zen(), xeon()});
  const auto& variants = manifest.entries.at("main").variants;
  EXPECT_EQ(variants[2].payload, variants[3].payload);
  EXPECT_NE(variants[0].payload, variants[1].payload);
}

TEST_F(MergeTest, EachMachineLoadsItsOwn) {
  const auto variants = merged({zen(), xeon()}).entries.at("main").variants;
  const auto first_on = [&](const std::string& codename) {
    hardware::Machine machine;
    machine.system = "linux-x86_64";
    machine.codename = codename;
    machine.model = codename + " 9000";
    machine.isa = {"avx2", "amx_int8"};
    return variants.at(load_order(variants, machine).front()).name;
  };
  EXPECT_EQ(first_on("Zen 4"), "fast");  // although it meets the other's needs, which stands before it
  EXPECT_EQ(first_on("Sapphire Rapids"), "fast.sapphire-rapids");
  EXPECT_EQ(first_on("unknown"), "fast.sapphire-rapids");
}

TEST_F(MergeTest, APackagesOwnOrderIsKept) {
  const Manifest manifest = merged({made("A", {{"plain", {}, "1"}, {"special", {"avx2", "amx_int8"}, "2"}}),
                                    made("B", {{"middle", {"avx2"}, "3"}, {"last", {}, "4"}})});
  EXPECT_THAT(names(manifest), ElementsAre("middle", "plain", "special", "last"));
}

TEST_F(MergeTest, RemembersWhereItComesFrom) {
  const fs::path one = zen(), two = xeon();
  const std::string digest = read_manifest(two).value().sha256;
  const Manifest manifest = merged({one, two});
  const Json& origins = manifest.provenance["merged"];
  ASSERT_EQ(origins.size(), 2U);
  EXPECT_EQ(origins[1]["manifest_sha256"], digest);
  EXPECT_EQ(origins[1]["provenance"]["metric_drop"], 0.01);
  EXPECT_EQ(origins[1]["report"], "reports/2.json");
  EXPECT_TRUE(manifest.files.contains("reports/2.json"));
  EXPECT_EQ(manifest.entries.at("main").variants[0].measured["package"], digest);
  EXPECT_EQ(manifest.provenance["model_digest"], "m");
}

TEST_F(MergeTest, MergedPackagesMergeAgain) {
  const fs::path three = made("Zen 5", {{"other", {"avx2", "avx512_bf16"}, "new"}, {"original", {}}});
  merged({zen(), xeon()});
  const auto again = merge(std::vector<fs::path>{root() / "merged.speedster", three}, root() / "all.speedster");
  ASSERT_TRUE(again.ok()) << again.error().full_message();
  const Manifest manifest = read_manifest(root() / "all.speedster").value().manifest;
  EXPECT_THAT(names(manifest), ElementsAre("fast.sapphire-rapids", "other", "fast", "original",
                                           "original.sapphire-rapids", "original.zen-5"));
  ASSERT_EQ(manifest.provenance["merged"].size(), 3U);
  for (const Json& origin : manifest.provenance["merged"])
    EXPECT_TRUE(manifest.files.contains(origin["report"].get<std::string>()));
  EXPECT_TRUE(check_all(root() / "all.speedster", manifest).ok());
}

TEST_F(MergeTest, SaysWhatTheSearchesWereToldDifferently) {
  const auto done =
      merge(std::vector<fs::path>{zen(), made("B", {{"x", {}, "x"}}, {{"metric_drop", 0.02}})}, root() / "m.speedster");
  ASSERT_TRUE(done.ok());
  ASSERT_EQ(done->notes.size(), 1U);
  EXPECT_THAT(done->notes[0], HasSubstr("B.speedster was made with another allowed drop: 0.02 instead of 0.01"));
  ASSERT_EQ(done->parts.size(), 2U);
  EXPECT_EQ(done->parts[1].processor, "B 9000");
  EXPECT_THAT(done->parts[1].variants, ElementsAre("x"));
}

TEST_F(MergeTest, RefusesWhatDoesNotBelongTogether) {
  const fs::path first = zen();
  const std::vector<Plan> plans = {{"x", {}, "x"}};
  EXPECT_THAT(refusal({first}), HasSubstr("two packages or more, got 1"));
  EXPECT_THAT(refusal({first, first}), HasSubstr("each package once"));
  EXPECT_THAT(refusal({first, made("B", plans, {{"model_digest", "other"}})}), HasSubstr("packages of one model"));
  EXPECT_THAT(refusal({first, made("B", plans, {{"samples_digest", "t"}})}), HasSubstr("one set of samples"));
  EXPECT_THAT(refusal({first, made("B", plans, {{"model_digest", nullptr}})}), HasSubstr("their model's digest"));
  EXPECT_THAT(refusal({first, made("B", plans, Json::object(), "n")}), HasSubstr("entry points and signatures"));
}

TEST_F(MergeTest, RefusesADamagedPackage) {
  const fs::path one = zen(), two = xeon();
  ASSERT_TRUE(write_file(two / "samples/main.safetensors", "other bytes").ok());
  const auto done = merge(std::vector<fs::path>{one, two}, root() / "merged.speedster");
  EXPECT_EQ(done.error().kind(), ErrorKind::kCorrupt);
  EXPECT_FALSE(fs::exists(root() / "merged.speedster"));
}

TEST_F(MergeTest, RefusesOriginsThatAreNoObjects) {
  const fs::path one = zen(), two = made("B", {{"x", {}, "x"}}, {{"merged", {1, 2}}});
  const auto done = merge(std::vector<fs::path>{one, two}, root() / "merged.speedster");
  EXPECT_EQ(done.error().kind(), ErrorKind::kCorrupt);
}

TEST(LoadOrder, TheSameMachineThenTheSameProcessorThenTheRest) {
  hardware::Machine machine;
  machine.model = "Processor 1";
  machine.codename = "One";
  std::vector<Variant> variants(5);
  variants[1].measured = {{"processor", "Processor 1"}, {"codename", "One"}, {"fingerprint", "other"}};
  variants[2].measured = {{"fingerprint", hardware::fingerprint(machine)}};
  variants[3].measured = {{"processor", "Processor 1"}, {"codename", "Two"}, {"fingerprint", 7}};
  variants[4].measured = {{"fingerprint", hardware::fingerprint(machine)}};
  EXPECT_THAT(load_order(variants, machine), ElementsAre(2, 4, 1, 0, 3));
}

}  // namespace
}  // namespace speedster::package
