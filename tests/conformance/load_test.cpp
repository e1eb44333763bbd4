/// Loading what cannot be loaded: each gives one error with a clear message, and the process goes on.
#include <fstream>
#include <sstream>

#include "conformance/harness.h"

namespace speedster::conformance {
namespace {

using testing::OnnxType;
using testing::OnnxWriter;
namespace models = testing::models;

Status load(const std::filesystem::path& path, const Options& options = {}) {
  Model model;
  Status status = tested().load(path, options, model);
  EXPECT_EQ(model.get() == nullptr, !status.ok()) << "expected a model or an error, got both or neither";
  return status;
}

std::filesystem::path write(const std::string& name, std::string_view content) {
  const auto path = suite().folder / name;
  OnnxWriter::write(path, content);
  return path;
}

/// The structure is sound and the meaning is not: found by the plug-in (SP_INVALID) or by its vendor (SP_VENDOR).
::testing::AssertionResult refused(const Status& status) {
  if (status.code == SP_INVALID || status.code == SP_VENDOR) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << "expected SP_INVALID or SP_VENDOR, got " << status;
}

TEST(Load, MissingFile) { EXPECT_CODE(SP_NOT_FOUND, load(suite().folder / "nowhere.onnx")); }

TEST(Load, Folder) { EXPECT_FALSE(load(suite().folder).ok()); }

TEST(Load, FilesThatAreNotOnnx) {
  EXPECT_CODE(SP_INVALID, load(write("empty.onnx", "")));
  EXPECT_CODE(SP_INVALID, load(write("text.onnx", "This is not a model, it is a sentence.\n")));
  EXPECT_CODE(SP_INVALID, load(write("png.onnx", std::string("\x89PNG\r\n\x1a\n\0\0\0\rIHDR", 16))));
  EXPECT_CODE(SP_INVALID, load(write("zip.onnx", std::string("PK\x03\x04\x14\0\0\0\x08\0", 10))));
  EXPECT_CODE(SP_INVALID, load(write("zeros.onnx", std::string(4096, '\0'))));
}

TEST(Load, TruncatedAnywhere) {
  const std::string whole = models::mlp().bytes();
  for (std::size_t part = 1; part < 24; ++part) {
    const std::size_t length = whole.size() * part / 24;
    EXPECT_CODE(SP_INVALID, load(write("truncated.onnx", whole.substr(0, length))))
        << "at " << length << " of " << whole.size();
  }
}

/// A changed byte may leave a valid model; it must not do worse than fail.
TEST(Load, ChangedBytesLoadOrFail) {
  const std::string whole = models::mlp().bytes();
  std::size_t refused = 0;
  for (std::size_t at = 0; at < whole.size(); at += 29) {
    std::string changed = whole;
    changed[at] = static_cast<char>(changed[at] ^ 0x55);
    refused += !load(write("changed.onnx", changed)).ok();
  }
  EXPECT_GT(refused, 0U) << "expected at least the damaged structure to be refused";
}

TEST(Load, UnknownOptionListsTheKnown) {
  const Status status = load(save(models::mlp(), "mlp"), {{"thread", "2"}});
  EXPECT_EQ(status.code, SP_INVALID) << status;
  EXPECT_NE(status.message.find("threads"), std::string::npos) << "expected the known options, got " << status.message;
}

TEST(Load, BadOptionValues) {
  const auto model = save(models::mlp(), "mlp");
  EXPECT_CODE(SP_INVALID, load(model, {{"threads", "-1"}}));
  EXPECT_CODE(SP_INVALID, load(model, {{"threads", "two"}}));
  EXPECT_CODE(SP_INVALID, load(model, {{"precision", "fp31"}}));
  EXPECT_CODE(SP_INVALID, load(model, {{"contexts", "-1"}}));
}

TEST(Load, UnknownOperatorIsNamed) {
  const Status status = load(save(models::unknown_operator(), "unknown_operator"));
  EXPECT_EQ(status.code, SP_UNSUPPORTED) << status;
  EXPECT_NE(status.message.find("Frobnicate"), std::string::npos)
      << "expected the operator's name, got " << status.message;
}

TEST(Load, StringsAreRefusedClearly) {
  const Status status = load(save(models::strings(), "strings"));
  EXPECT_EQ(status.code, SP_UNSUPPORTED) << status;
  EXPECT_NE(status.message.find("string"), std::string::npos) << "expected the reason, got " << status.message;
}

TEST(Load, ValueThatNobodyDefines) {
  OnnxWriter m;
  m.input("x", OnnxType::kFloat, {2}).output("y", OnnxType::kFloat, {2}).node("Add", {"x", "missing"}, {"y"});
  EXPECT_TRUE(refused(load(save(m, "undefined"))));
}

TEST(Load, OutputThatNobodyGives) {
  OnnxWriter m;
  m.input("x", OnnxType::kFloat, {2}).output("z", OnnxType::kFloat, {2}).node("Abs", {"x"}, {"y"});
  EXPECT_TRUE(refused(load(save(m, "no_output"))));
}

TEST(Load, CyclicGraph) {
  OnnxWriter m;
  m.input("x", OnnxType::kFloat, {2}).output("b", OnnxType::kFloat, {2});
  m.node("Add", {"x", "b"}, {"a"}).node("Abs", {"a"}, {"b"});
  EXPECT_TRUE(refused(load(save(m, "cycle"))));
}

TEST(Load, InitializerWithTooFewBytes) {
  OnnxWriter m;
  m.input("x", OnnxType::kFloat, {2}).output("y", OnnxType::kFloat, {2});
  m.initializer("w", testing::TensorData{OnnxType::kFloat, {2}, std::string(7, '\0')}).node("Add", {"x", "w"}, {"y"});
  EXPECT_TRUE(refused(load(save(m, "short_initializer"))));
}

TEST(Load, ExternalDataMissing) {
  const auto path = save(models::external_data(), "external_missing");
  std::filesystem::remove(path.parent_path() / "weights.bin");
  EXPECT_FALSE(load(path).ok());
}

TEST(Load, ExternalDataTooShort) {
  const auto path = save(models::external_data(), "external_short");
  std::filesystem::resize_file(path.parent_path() / "weights.bin", 100);
  EXPECT_FALSE(load(path).ok());
}

TEST(Load, ExternalDataOutsideTheFolder) {
  OnnxWriter::write(suite().folder / "secret.bin", std::string(8, '\1'));
  for (const std::string& location : {std::string("../secret.bin"), (suite().folder / "secret.bin").string()}) {
    OnnxWriter m;
    m.input("x", OnnxType::kFloat, {2}).output("y", OnnxType::kFloat, {2});
    m.external_reference("w", OnnxType::kFloat, {2}, location, 0, 8).node("Add", {"x", "w"}, {"y"});
    EXPECT_FALSE(load(save(m, "external_outside")).ok()) << "expected a refusal of " << location;
  }
}

TEST(Load, ExternalDataInItsPlace) {
  std::vector<HostTensor> inputs = {random_tensor({2, 16}, 5)};
  const auto actual = run_once(tested(), save(models::external_data(), "external"), inputs);
  const auto expected = run_once(oracle(), save(models::mlp(), "inline"), inputs);
  ASSERT_EQ(actual.size(), 1U);
  EXPECT_TRUE(near(actual[0], expected[0], 1e-5, 1e-5));
}

TEST(Load, RaisedTokenCancels) {
  const sp_token raised{nullptr, [](void*) { return 1; }};
  Model model;
  EXPECT_CODE(SP_CANCELLED, tested().load(save(models::mlp(), "mlp"), {}, model, &raised));
}

TEST(Load, EveryDefaultCanBeGiven) {
  Options defaults;
  for (const auto& [key, option] : tested().description()["options"].items()) {
    if (option["scope"].get<std::string>().find("load") == std::string::npos || option["default"].is_null()) continue;
    const Json& value = option["default"];
    defaults[key] = value.is_string()    ? value.get<std::string>()
                    : value.is_boolean() ? (value.get<bool>() ? "1" : "0")
                                         : value.dump();
  }
  EXPECT_OK(load(save(models::mlp(), "mlp"), defaults));
}

TEST(Load, SignatureIsTheModels) {
  Model model;
  ASSERT_OK(tested().load(save(models::several_outputs(), "several_outputs"), {}, model));
  EXPECT_STREQ(model.table().entry(model.get(), 0), "main");
  const sp_signature& s = model.signature();
  ASSERT_EQ(s.inputs, 1U);
  ASSERT_EQ(s.outputs, 3U);
  EXPECT_STREQ(s.input[0]->name, "x");
  EXPECT_EQ(s.input[0]->flags & 1U, 0U) << "expected a required input";
  ASSERT_EQ(s.input[0]->rank, 2);
  EXPECT_EQ(s.input[0]->shape[0], -1);
  EXPECT_EQ(s.input[0]->shape[1], 4);
  const char* names[] = {"sum", "largest", "positive"};
  const DLDataTypeCode codes[] = {kDLFloat, kDLInt, kDLBool};
  for (std::uint32_t i = 0; i < 3; ++i) {
    EXPECT_GE(s.output[i]->size, sizeof(sp_tensor_info));
    EXPECT_STREQ(s.output[i]->name, names[i]);
    EXPECT_EQ(s.output[i]->dtype.code, codes[i]) << names[i];
    EXPECT_EQ(s.output[i]->alias_input, -1) << names[i];
  }
}

TEST(Load, SymbolicAxesKeepTheirNames) {
  Model model;
  ASSERT_OK(tested().load(save(models::attention(), "attention"), {}, model));
  const sp_tensor_info& input = *model.signature().input[0];
  ASSERT_EQ(input.rank, 3);
  EXPECT_EQ(input.shape[0], -1);
  EXPECT_EQ(input.shape[1], -1);
  EXPECT_EQ(input.shape[2], 8);
  ASSERT_NE(input.axes, nullptr) << "expected the names of the symbolic axes";
  EXPECT_STREQ(input.axes[0], "batch");
  EXPECT_STREQ(input.axes[1], "sequence");
}

TEST(Load, EntriesEndWithNull) {
  const bool can = tested().has_option("entries");
  Model model;
  ASSERT_OK(tested().load(save(models::several_outputs(), "entries"),
                          can ? Options{{"entries", "main;arg=largest"}} : Options{}, model));
  ASSERT_STREQ(model.table().entry(model.get(), 0), "main");
  EXPECT_EQ(model.table().entry(model.get(), can ? 2 : 1), nullptr);
  EXPECT_EQ(model.table().signature(model.get(), can ? 2 : 1), nullptr);
  if (!can) return;
  ASSERT_STREQ(model.table().entry(model.get(), 1), "arg");
  ASSERT_EQ(model.signature(1).outputs, 1U);
  Context first, second;
  ASSERT_OK(first.open(model, 0));
  ASSERT_OK(second.open(model, 1));
  std::vector<HostTensor> inputs = {tensor<float>({2, 4}, {1, 5, 2, 3, 9, 0, 0, 0})}, all, one;
  ASSERT_OK(first.run(inputs, all));
  ASSERT_OK(second.run(inputs, one));
  ASSERT_EQ(one.size(), 1U);
  EXPECT_TRUE(near(one[0], tensor<std::int64_t>({2}, {1, 0}), 0, 0));
  EXPECT_TRUE(near(all[1], one[0], 0, 0)) << "expected both entries to agree";
}

TEST(Load, ContextOfAnEntryThatIsNotThere) {
  Model model;
  ASSERT_OK(tested().load(save(models::mlp(), "mlp"), {}, model));
  Context context;
  EXPECT_FALSE(context.open(model, 7).ok());
}

}  // namespace
}  // namespace speedster::conformance
