#include "onnxruntime/profile.h"

#include "unit/plugins/folder.h"

namespace speedster::onnxruntime {
namespace {

using plugin::Folder;
using ::testing::ElementsAre;

std::string event(const std::string& name, const std::string& op, const std::string& in, const std::string& out,
                  int duration) {
  return R"({"cat":"Node","dur":)" + std::to_string(duration) + R"(,"name":")" + name +
         R"(_kernel_time","args":{"op_name":")" + op + R"(","input_type_shape":[{")" + in +
         R"(":[1,2]}],"output_type_shape":[{")" + out + R"(":[1]}]}})";
}

/// What a session would have written under the file's prefix.
std::vector<ProfiledNode> nodes_of(const std::string& text, const Folder& folder) {
  ProfileFile file(folder.path().string());
  std::ofstream(file.prefix() + "_2026.json") << text;
  file.adopt();
  EXPECT_TRUE(std::filesystem::is_empty(folder.path())) << "expected nothing to be left behind";
  return file.read();
}

TEST(Profile, JoinsTheCallsOfANode) {
  const Folder folder;
  const auto nodes =
      nodes_of(std::string("[") + R"({"cat":"Session","name":"model_run","dur":9,"args":{}},)" +
                   event("a", "Conv", "float", "float", 5) + "," + event("b", "Relu", "float", "float", 1) + "," +
                   event("a", "Conv", "float", "float", 7) + "]",
               folder);
  ASSERT_EQ(nodes.size(), 2U);
  EXPECT_EQ(nodes[0].name, "a");
  EXPECT_EQ(nodes[0].op, "Conv");
  EXPECT_EQ(nodes[0].calls, 2);
  EXPECT_EQ(nodes[0].microseconds, 12);
  EXPECT_THAT(nodes[0].types, ElementsAre("float", "float"));
}

TEST(Profile, ADamagedOneTellsNothing) {
  const Folder folder;
  for (const char* text : {"", "{", "[1, 2]", "[{\"cat\": 3}]", "[{\"cat\":\"Node\",\"name\":7,\"args\":{}}]"})
    EXPECT_TRUE(nodes_of(text, folder).empty()) << text;
}

TEST(Profile, AFolderThatIsNotThereIsAFailure) {
  EXPECT_EQ(plugin::failure_code([] { ProfileFile file("/nowhere"); }), SP_INVALID);
}

ProfiledNode node(const std::string& op, std::vector<std::string> types) { return {"n", op, std::move(types), 1, 1}; }

TEST(Profile, TellsThePrecision) {
  EXPECT_EQ(tally({node("Conv", {"float"}), node("Relu", {"float"}), node("Shape", {"int64"})}).verdict(), "f32");
  EXPECT_EQ(tally({node("QLinearConv", {"uint8", "int8"}), node("Softmax", {"float"})}).verdict(), "int8");
  EXPECT_EQ(tally({node("DynamicQuantizeMatMul", {"float"})}).verdict(), "int8");
  EXPECT_EQ(tally({node("MatMulNBits", {"float", "uint8"})}).verdict(), "mixed");
  EXPECT_EQ(tally({node("MatMul", {"float"}), node("QuantizeLinear", {"float"}), node("DequantizeLinear", {"uint8"})})
                .verdict(),
            "mixed")
      << "products of values that passed through 8 bits";
  EXPECT_EQ(tally({node("MatMul", {"float"}), node("Cast", {"float", "float16"})}).verdict(), "mixed");
  EXPECT_EQ(tally({node("MatMul", {"double"})}).verdict(), "f64");
  EXPECT_EQ(tally({}).verdict(), "unknown");
}

}  // namespace
}  // namespace speedster::onnxruntime
