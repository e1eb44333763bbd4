/// The table, what `describe` promises, opening and probing.
#include <set>

#include "conformance/harness.h"

namespace speedster::conformance {
namespace {

const std::set<std::string> kDtypes = {"float32",
                                       "float64",
                                       "float16",
                                       "bfloat16",
                                       "int8",
                                       "int16",
                                       "int32",
                                       "int64",
                                       "uint8",
                                       "uint16",
                                       "uint32",
                                       "uint64",
                                       "bool",
                                       "complex64",
                                       "complex128",
                                       "int4",
                                       "uint4",
                                       "float8_e4m3fn",
                                       "float8_e4m3fnuz",
                                       "float8_e5m2",
                                       "float8_e5m2fnuz",
                                       "float4_e2m1fn"};

/// Only reset_state (of models that have state) and profile may be left out.
TEST(Describe, TableIsOfThisVersionAndWhole) {
  const sp_backend& table = tested().table();
  EXPECT_GE(table.size, sizeof(sp_backend));
  EXPECT_EQ(table.abi_major, 1);
  EXPECT_EQ(std::string(table.name), suite().backend);
  EXPECT_NE(table.open, nullptr);
  EXPECT_NE(table.close, nullptr);
  EXPECT_NE(table.probe, nullptr);
  EXPECT_NE(table.compile, nullptr);
  EXPECT_NE(table.load, nullptr);
  EXPECT_NE(table.entry, nullptr);
  EXPECT_NE(table.signature, nullptr);
  EXPECT_NE(table.stats, nullptr);
  EXPECT_NE(table.reshape_input, nullptr);
  EXPECT_NE(table.take_output, nullptr);
  EXPECT_NE(table.cancel, nullptr);
}

TEST(Describe, NamesFormatsPrecisionsAndDtypes) {
  const Json& d = tested().description();
  EXPECT_EQ(d["name"], suite().backend);
  ASSERT_TRUE(d["formats"].is_array());
  EXPECT_NE(std::find(d["formats"].begin(), d["formats"].end(), "onnx"), d["formats"].end())
      << "expected onnx among " << d["formats"];
  EXPECT_NE(std::find(d["precisions"].begin(), d["precisions"].end(), "fp32"), d["precisions"].end())
      << "expected fp32 among " << d["precisions"];
  ASSERT_TRUE(d["dtypes"].is_array());
  EXPECT_FALSE(d["dtypes"].empty());
  for (const auto& dtype : d["dtypes"])
    EXPECT_TRUE(kDtypes.contains(dtype.get<std::string>())) << "expected a known dtype, got " << dtype;
}

TEST(Describe, EveryOptionIsDocumented) {
  for (const auto& [key, option] : tested().description()["options"].items()) {
    SCOPED_TRACE(key);
    const std::string type = option.value("type", "");
    EXPECT_TRUE(type == "int" || type == "float" || type == "bool" || type == "string" || type == "enum")
        << "got type " << type;
    EXPECT_EQ(type == "enum", option.contains("values")) << "expected values of an enum and of nothing else";
    EXPECT_TRUE(option.contains("default"));
    EXPECT_TRUE(option["changes_numbers"].is_boolean());
    EXPECT_FALSE(option.value("help", "").empty());
    EXPECT_FALSE(option.value("scope", "").empty());
  }
}

TEST(Describe, HasTheOptionsOfEveryBackend) {
  for (const char* key : {"threads", "precision", "contexts"}) {
    ASSERT_TRUE(tested().has_option(key)) << "expected the option " << key;
    EXPECT_NE(tested().description()["options"][key]["scope"].get<std::string>().find("load"), std::string::npos)
        << key;
  }
  EXPECT_EQ(tested().description()["options"]["precision"]["default"], "fp32");
}

TEST(Open, UnknownOptionListsTheKnown) {
  sp_instance* instance = nullptr;
  const Status status = take(tested().table().open(nullptr, OptionList(Options{{"librarry", "x"}}).get(), &instance));
  EXPECT_EQ(status.code, SP_INVALID) << status;
  EXPECT_NE(status.message.find("library"), std::string::npos) << "expected the known options, got " << status.message;
  EXPECT_EQ(instance, nullptr);
}

TEST(Open, MissingOrForeignLibraryIsAnError) {
  if (!tested().description().contains("vendor")) {
    EXPECT_TRUE(suite().library.empty()) << "a plug-in without a vendor needs no library";
    return;
  }
  sp_instance* instance = nullptr;
  const auto text = suite().folder / "not_a_library.so";
  testing::OnnxWriter::write(text, "no library at all\n");
  for (const std::string& path : {std::string("/nowhere/libvendor.so.1"), text.string(), std::string("libc.so.6")}) {
    const Status status = take(tested().table().open(nullptr, OptionList(Options{{"library", path}}).get(), &instance));
    EXPECT_FALSE(status.ok()) << "expected a failure for " << path;
    EXPECT_EQ(instance, nullptr);
  }
}

TEST(Open, TwiceGivesIndependentInstances) {
  sp_instance* second = nullptr;
  ASSERT_OK(take(tested().table().open(
      nullptr, OptionList(suite().library.empty() ? Options{} : Options{{"library", suite().library}}).get(),
      &second)));
  tested().table().close(second);
  std::vector<HostTensor> inputs = {random_tensor({1, 16}, 3)};
  EXPECT_EQ(run_once(tested(), save(testing::models::mlp(), "after_close"), inputs).size(), 1U);
}

TEST(Probe, SaysThatItIsUsableHere) {
  Text text;
  ASSERT_OK(take(tested().table().probe(tested().get(), text.sink())));
  const Json probe = text.json();
  ASSERT_TRUE(probe.is_object()) << text.text();
  EXPECT_EQ(probe["usable"], true) << "reason: " << probe["reason"];
  EXPECT_FALSE(probe.value("version", "").empty());
  EXPECT_NE(std::find(probe["devices"].begin(), probe["devices"].end(), "cpu"), probe["devices"].end())
      << probe["devices"];
  EXPECT_NE(std::find(probe["precisions"].begin(), probe["precisions"].end(), "fp32"), probe["precisions"].end())
      << probe["precisions"];
}

TEST(Probe, WithoutASinkIsAnError) { EXPECT_CODE(SP_INVALID, take(tested().table().probe(tested().get(), nullptr))); }

}  // namespace
}  // namespace speedster::conformance
