#include "toolchain/fixture.h"

namespace speedster::toolchain {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

const char* const kLock = "# a comment\nalpha==1.2.3 \\\n    --hash=sha256:00\nbeta-pack==4 --hash=sha256:11\n";

class Recipes : public ToolchainTest {};

TEST_F(Recipes, ReadsPinsStepsAndDigest) {
  write(recipes() / "demo" / "requirements.lock", kLock);
  write(recipes() / "demo" / "shrink.py", "");
  write(recipes() / "demo" / "step.json", R"({"summary": "shrinks", "imports": ["alpha"], "steps": [{"name": "shrink",
    "kind": "compress", "version": 3, "script": "shrink.py", "takes": ["onnx"], "gives": ["onnx", "openvino-ir"],
    "data": "unlabelled", "options": {"size": {"type": "int", "default": 2}}}]})");
  const Result<Recipe> recipe = find_recipe("demo");
  ASSERT_TRUE(recipe.ok()) << recipe.error().full_message();
  EXPECT_EQ(recipe->summary, "shrinks");
  EXPECT_EQ(recipe->packages, (std::map<std::string, std::string>{{"alpha", "1.2.3"}, {"beta-pack", "4"}}));
  EXPECT_EQ(recipe->lock_digest, sha256(kLock));
  ASSERT_EQ(recipe->steps.size(), 1U);
  const Step& step = recipe->steps.front();
  EXPECT_EQ(step.name, "shrink");
  EXPECT_EQ(step.version, 3);
  EXPECT_EQ(step.script, recipes() / "demo" / "shrink.py");
  EXPECT_THAT(step.gives, ElementsAre("onnx", "openvino-ir"));
  EXPECT_EQ(step.options["size"]["default"], 2);
}

TEST_F(Recipes, UnknownNameListsTheKnown) {
  for (const char* name : {"beta", "alpha"}) {
    write(recipes() / name / "requirements.lock", kLock);
    write(recipes() / name / "step.json", R"({"summary": "", "imports": [], "steps": []})");
  }
  EXPECT_THAT(list_recipes(), ElementsAre("alpha", "beta"));
  const Result<Recipe> recipe = find_recipe("gamma");
  ASSERT_FALSE(recipe.ok());
  EXPECT_EQ(recipe.error().kind(), ErrorKind::kNotFound);
  EXPECT_THAT(recipe.error().message(), HasSubstr("alpha, beta"));
}

TEST_F(Recipes, NamesAreNoPaths) {
  for (const char* name : {"../demo", "/etc", "a/b", "", ".", "Demo"}) {
    const Result<Recipe> recipe = find_recipe(name);
    ASSERT_FALSE(recipe.ok()) << name;
    EXPECT_EQ(recipe.error().kind(), ErrorKind::kNotFound) << name;
  }
}

TEST_F(Recipes, RefusesAScriptOutsideTheFolder) {
  write(recipes() / "demo" / "requirements.lock", kLock);
  write(recipes() / "demo" / "step.json", R"({"summary": "", "imports": [], "steps": [{"name": "s", "kind": "compress",
    "version": 1, "script": "../evil.py", "takes": [], "gives": [], "data": "none", "options": {}}]})");
  const Result<Recipe> recipe = find_recipe("demo");
  ASSERT_FALSE(recipe.ok());
  EXPECT_EQ(recipe.error().kind(), ErrorKind::kCorrupt);
}

TEST_F(Recipes, RefusesWhatIsBroken) {
  write(recipes() / "demo" / "requirements.lock", kLock);
  for (const char* text : {"", "{", "[]", R"({"summary": 3, "imports": [], "steps": []})", R"({"summary": ""})"}) {
    write(recipes() / "demo" / "step.json", text);
    EXPECT_FALSE(find_recipe("demo").ok()) << text;
  }
  write(recipes() / "demo" / "step.json", R"({"summary": "", "imports": [], "steps": []})");
  write(recipes() / "demo" / "requirements.lock", "# nothing\n");
  EXPECT_FALSE(find_recipe("demo").ok()) << "expected a lock without packages to be refused";
}

TEST_F(Recipes, EarlierFoldersWin) {
  for (const char* folder : {"first", "second"}) {
    write(root() / folder / "demo" / "requirements.lock", kLock);
    write(root() / folder / "demo" / "step.json",
          std::string(R"({"summary": ")") + folder + R"(", "imports": [], "steps": []})");
  }
  set("SPEEDSTER_TOOLCHAIN_PATH", (root() / "first").string() + ":" + (root() / "second").string());
  const Result<Recipe> recipe = find_recipe("demo");
  ASSERT_TRUE(recipe.ok());
  EXPECT_EQ(recipe->summary, "first");
}

/// The recipes that we ship: every package pinned to at least one digest, the vendors at the versions that were
/// measured.
TEST_F(Recipes, ShippedOnesAreWholeAndPinned) {
  set("SPEEDSTER_TOOLCHAIN_PATH", SPEEDSTER_SOURCE_DIR "/toolchains");
  EXPECT_THAT(list_recipes(), ElementsAre("nncf", "onnxruntime", "openvino"));
  const std::map<std::string, std::pair<std::string, std::string>> vendors = {
      {"onnxruntime", {"onnxruntime", "1.31.1"}}, {"openvino", {"openvino", "2026.4.1"}}, {"nncf", {"nncf", "3.4.0"}}};
  for (const auto& [name, package] : vendors) {
    const Result<Recipe> recipe = find_recipe(name);
    ASSERT_TRUE(recipe.ok()) << recipe.error().full_message();
    EXPECT_EQ(recipe->packages.at(package.first), package.second);
    EXPECT_FALSE(recipe->packages.contains("openvino-telemetry"));
    EXPECT_FALSE(recipe->imports.empty());
    const Result<std::string> lock = read_file(recipe->folder / "requirements.lock");
    ASSERT_TRUE(lock.ok());
    for (const auto& [pinned, version] : recipe->packages)
      EXPECT_THAT(*lock, HasSubstr(pinned + "==" + version + " \\\n    --hash=sha256:"));
  }
  const Result<Recipe> nncf = find_recipe("nncf");
  ASSERT_EQ(nncf->steps.size(), 1U);
  EXPECT_TRUE(fs::is_regular_file(nncf->steps.front().script));
}

TEST_F(Recipes, AreFoundBesideTheProgram) {
  ::unsetenv("SPEEDSTER_TOOLCHAIN_PATH");
  EXPECT_THAT(list_recipes(), ::testing::Contains("onnxruntime"))
      << "expected share/speedster/toolchains of the build tree to be found";
}

}  // namespace
}  // namespace speedster::toolchain
