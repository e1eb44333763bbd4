/// Compilation into an artifact that stands on its own.
#include "conformance/harness.h"

namespace speedster::conformance {
namespace {

namespace models = testing::models;

Status compile(const std::filesystem::path& model, const std::filesystem::path& folder, Text& text,
               const Options& options = {}, const char* format = "onnx", const sp_token* token = nullptr) {
  std::filesystem::create_directories(folder);
  return take(tested().table().compile(tested().get(), model.c_str(), format, OptionList(options).get(), folder.c_str(),
                                       token, text.sink()));
}

void check_artifact(const testing::OnnxWriter& writer, const std::string& name) {
  SCOPED_TRACE(name);
  const auto source = save(writer, "source_" + name);
  const auto input = random_tensor({3, 16}, 2);
  const auto expected = run_once(oracle(), source, {input});
  const auto folder = suite().folder / ("artifact_" + name);
  Text text;
  ASSERT_OK(compile(source, folder, text));
  const Json answer = text.json();
  ASSERT_TRUE(answer.is_object()) << text.text();
  EXPECT_TRUE(answer["kind"] == "data" || answer["kind"] == "code") << answer;
  EXPECT_FALSE(answer.value("format", "").empty()) << answer;
  EXPECT_TRUE(answer.contains("needs")) << answer;
  ASSERT_FALSE(answer["files"].empty()) << answer;
  for (const auto& file : answer["files"])
    EXPECT_TRUE(std::filesystem::is_regular_file(folder / file.get<std::string>()))
        << "expected " << file << " in " << folder;
  EXPECT_NE(std::find(answer["files"].begin(), answer["files"].end(), answer["payload"]), answer["files"].end())
      << answer;

  std::filesystem::remove_all(source.parent_path());  // nothing of the source is needed any more
  const auto moved = suite().folder / ("moved_" + name);
  std::filesystem::rename(folder, moved);
  const auto actual = run_once(tested(), moved / answer["payload"].get<std::string>(), {input});
  ASSERT_EQ(actual.size(), 1U);
  EXPECT_TRUE(near(actual[0], expected[0], 1e-5, 1e-5));
}

TEST(Compile, ArtifactStandsOnItsOwn) { check_artifact(models::mlp(), "inline"); }

TEST(Compile, ExternalDataComesAlong) { check_artifact(models::external_data(), "external"); }

TEST(Compile, BadModels) {
  Text text;
  const auto folder = suite().folder / "bad_artifact";
  EXPECT_CODE(SP_NOT_FOUND, compile(suite().folder / "nowhere.onnx", folder, text));
  const auto corrupt = suite().folder / "corrupt.onnx";
  testing::OnnxWriter::write(corrupt, models::mlp().bytes().substr(0, 500));
  EXPECT_CODE(SP_INVALID, compile(corrupt, folder, text));
}

TEST(Compile, UnknownFormatAndOption) {
  Text text;
  const auto model = save(models::mlp(), "mlp");
  EXPECT_CODE(SP_UNSUPPORTED, compile(model, suite().folder / "format", text, {}, "stone-tablet"));
  EXPECT_CODE(SP_INVALID, compile(model, suite().folder / "option", text, {{"colour", "blue"}}));
}

TEST(Compile, RaisedTokenCancels) {
  const sp_token raised{nullptr, [](void*) { return 1; }};
  Text text;
  EXPECT_CODE(SP_CANCELLED,
              compile(save(models::mlp(), "mlp"), suite().folder / "cancelled", text, {}, "onnx", &raised));
}

}  // namespace
}  // namespace speedster::conformance
