#include "learner/export.h"

#include <gmock/gmock.h>

#include "learner/vendor_session.h"
#include "unit/learner/fixture.h"

namespace speedster::learner {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsSupersetOf;

class Export : public LearnerTest {
 protected:
  static test::VariantPlan variant(const std::string& name, const std::string& backend,
                                   std::map<std::string, std::string> options = {}) {
    test::VariantPlan plan;
    plan.name = name;
    plan.backend = backend;
    plan.options = std::move(options);
    plan.threads = 2;
    return plan;
  }
  static Json read(const fs::path& file) { return parse_json(read_file(file).value(), "test").value(); }
};

TEST_F(Export, WinnerAndOriginalInTheVendorsWords) {
  test::VariantPlan winner = variant("openvino-bf16", "openvino", {{"precision", "bf16"}, {"pinning", "off"}});
  winner.measured = {{"vendor_version", "2026.4.1-22982-abc"}};
  const fs::path package =
      mlp({winner, variant("original", "onnxruntime",
                           {{"spinning", "0"}, {"optimization", "extended"}, {"complete_quantization", "0"}})});
  const auto report = export_package(package, root() / "out", {});
  ASSERT_TRUE(report.ok()) << report.error().full_message();
  EXPECT_EQ(report->variant, "openvino-bf16");
  EXPECT_EQ(report->original, "original");
  EXPECT_THAT(report->requirements, ElementsAre("openvino==2026.4.1", "onnxruntime", "numpy"));
  EXPECT_THAT(report->files,
              IsSupersetOf({"optimized/model.onnx", "original/session.json", "run.py", "signature.json"}));
  const Json optimized = read(root() / "out/optimized/session.json"),
             original = read(root() / "out/original/session.json");
  EXPECT_EQ(optimized["config"]["INFERENCE_PRECISION_HINT"], "bf16");
  EXPECT_EQ(optimized["config"]["INFERENCE_NUM_THREADS"], 2);
  EXPECT_EQ(optimized["config"]["ENABLE_CPU_PINNING"], false);
  EXPECT_EQ(original["options"]["graph_optimization_level"], "ORT_ENABLE_EXTENDED");
  EXPECT_EQ(original["config"]["optimization.disable_specified_optimizers"], "WeightBiasQuantization");
  EXPECT_EQ(original["options"]["intra_op_num_threads"], 2);
  EXPECT_EQ(original["config"]["session.intra_op.allow_spinning"], "0");
  EXPECT_EQ(read_file(root() / "out/optimized/model.onnx").value(), read_file(package / "payload/model.onnx").value());
}

TEST_F(Export, ExternalDataKeepsItsName) {
  const fs::path package =
      test::make_package(root() / "p", testing::models::external_data(), {variant("only", "onnxruntime")});
  const auto report = export_package(package, root() / "out", {});
  ASSERT_TRUE(report.ok()) << report.error().full_message();
  EXPECT_THAT(report->files, Contains("optimized/weights.bin"));
  EXPECT_EQ(report->original, "");
  EXPECT_FALSE(fs::exists(root() / "out/original"));
}

TEST_F(Export, FilesStayWhereTheyLieBesideThePayload) {
  auto packed = [&](const std::string& name, const std::string& payload, const std::string& weights) {
    auto writer = package::PackageWriter::create(root() / name);
    EXPECT_TRUE(writer.ok() && writer->add_text("model", payload).ok() && writer->add_text("weights", weights).ok());
    package::Manifest manifest = package::read_manifest(mlp({variant("only", "onnxruntime")}))->manifest;
    package::Variant& only = manifest.entries["main"].variants.front();
    only.payload = payload;
    only.files = {payload, weights};
    EXPECT_TRUE(writer->commit(std::move(manifest)).ok());
    return root() / name;
  };
  const auto report = export_package(packed("p", "payload/m.onnx", "payload/weights/m.onnx"), root() / "out", {});
  ASSERT_TRUE(report.ok()) << report.error().full_message();
  EXPECT_THAT(report->files, IsSupersetOf({"optimized/m.onnx", "optimized/weights/m.onnx"}));
  EXPECT_EQ(read_file(root() / "out/optimized/weights/m.onnx").value(), "weights");
  EXPECT_EQ(read(root() / "out/optimized/session.json")["model"], "m.onnx");
  EXPECT_EQ(export_package(packed("q", "payload/m.onnx", "other/w.bin"), root() / "q-out", {}).error().kind(),
            ErrorKind::kUnsupported);
  EXPECT_EQ(export_package(packed("r", "payload/m.onnx", "payload/session.json"), root() / "r-out", {}).error().kind(),
            ErrorKind::kUnsupported);
  EXPECT_TRUE(export_package(packed("s", "m.onnx", "weights/w.bin"), root() / "s-out", {}).ok());
}

TEST_F(Export, ABackendWithoutAFormOfItsOwnIsSaid) {
  EXPECT_EQ(export_package(mlp(), root() / "out", {}).error().kind(), ErrorKind::kUnsupported);
  EXPECT_FALSE(fs::exists(root() / "out"));
}

TEST_F(Export, OnlyAnExportIsReplaced) {
  const fs::path package = mlp({variant("only", "onnxruntime")});
  ASSERT_TRUE(export_package(package, root() / "out/", {}).ok());
  EXPECT_TRUE(export_package(package, root() / "out", {}).ok());
  EXPECT_EQ(export_package(package, package, {}).error().kind(), ErrorKind::kUsage);
  ASSERT_TRUE(write_file(root() / "out/server.py", "mine").ok());
  EXPECT_EQ(export_package(package, root() / "out", {}).error().kind(), ErrorKind::kUsage);
  EXPECT_EQ(read_file(root() / "out/server.py").value(), "mine");
  fs::remove(root() / "out/server.py");
  ExportOptions options;
  options.variant = "other";
  EXPECT_EQ(export_package(package, root() / "out", options).error().kind(), ErrorKind::kNotFound);
  options = {.entry = "decode"};
  EXPECT_EQ(export_package(package, root() / "out", options).error().kind(), ErrorKind::kNotFound);
}

TEST_F(Export, CancelledItLeavesNothing) {
  const fs::path package = mlp({variant("only", "onnxruntime")});
  ExportOptions options;
  options.cancel.cancel();
  fs::create_directory(root() / "there");
  EXPECT_EQ(export_package(package, root() / "there/out", options).error().kind(), ErrorKind::kCancelled);
  EXPECT_TRUE(fs::is_empty(root() / "there"));
}

TEST_F(Export, ADamagedPackageIsNotExported) {
  const fs::path package = mlp({variant("only", "onnxruntime")});
  ASSERT_TRUE(write_file(package / "payload/model.onnx", "damaged").ok());
  EXPECT_EQ(export_package(package, root() / "out", {}).error().kind(), ErrorKind::kCorrupt);
}

TEST(VendorSession, DefaultsAreThoseOfThePlugins) {
  package::Variant variant;
  variant.backend = "openvino";
  const Json openvino = vendor_session(variant).value();
  EXPECT_EQ(openvino["config"]["INFERENCE_PRECISION_HINT"], "f32");
  EXPECT_EQ(openvino["config"]["PERFORMANCE_HINT"], "LATENCY");
  EXPECT_FALSE(openvino["config"].contains("INFERENCE_NUM_THREADS")) << "the vendor's own default";
  EXPECT_FALSE(openvino["config"].contains("SNIPPETS_MODE"));
  EXPECT_EQ(vendor_session(variant, true).value()["config"]["SNIPPETS_MODE"], "DISABLE") << "an input has a free axis";
  variant.backend = "onnxruntime";
  variant.options = {{"threads", "3"}, {"inter_threads", "2"}, {"arena", "0"}};
  const Json ort = vendor_session(variant).value();
  EXPECT_EQ(ort["options"]["intra_op_num_threads"], 3);
  EXPECT_EQ(ort["options"]["execution_mode"], "ORT_PARALLEL");
  EXPECT_EQ(ort["options"]["enable_cpu_mem_arena"], false);
  EXPECT_EQ(ort["options"]["graph_optimization_level"], "ORT_ENABLE_ALL");
}

}  // namespace
}  // namespace speedster::learner
