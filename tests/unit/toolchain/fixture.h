/// A folder of recipes, a data directory and a tiny wheel of our own, so that installing needs no network.
#pragma once
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <string>
#include <vector>

#include "base/digest.h"
#include "base/files.h"
#include "toolchain/process.h"
#include "toolchain/toolchain.h"

namespace speedster::toolchain {

class ToolchainTest : public ::testing::Test {
 protected:
  void SetUp() override {
    Result<TempDir> made = TempDir::create("speedster-toolchain-test-");
    ASSERT_TRUE(made.ok()) << made.error().message();
    folder_.emplace(std::move(made).value());
    set("SPEEDSTER_TOOLCHAIN_PATH", recipes().string());
    set("SPEEDSTER_DATA_DIR", (folder_->path() / "data").string());
    ASSERT_TRUE(make_directories(recipes()).ok());
  }
  void TearDown() override {
    for (const auto& [name, old] : saved_) {
      if (old)
        ::setenv(name.c_str(), old->c_str(), 1);
      else
        ::unsetenv(name.c_str());
    }
  }

  void set(const std::string& name, const std::string& value) {
    const char* old = std::getenv(name.c_str());
    saved_.emplace(name, old == nullptr ? std::nullopt : std::optional<std::string>(old));
    ::setenv(name.c_str(), value.c_str(), 1);
  }
  void write(const fs::path& path, std::string_view content) {
    ASSERT_TRUE(make_directories(path.parent_path()).ok());
    const Result<void> written = write_file(path, content);
    ASSERT_TRUE(written.ok()) << written.error().message();
  }
  fs::path root() const { return folder_->path(); }
  fs::path recipes() const { return folder_->path() / "recipes"; }
  fs::path home(std::string_view name) const { return folder_->path() / "data" / "toolchains" / name; }

  /// A wheel of the package "pocket" whose module answers with `version`. Returns its digest.
  std::string make_wheel(const std::string& version) {
    const std::string script =
        "import sys, zipfile\n"
        "folder, version = sys.argv[1:]\n"
        "info = f'pocket-{version}.dist-info'\n"
        "files = {'pocket.py': f'version = {version!r}\\n',\n"
        "         f'{info}/METADATA': f'Metadata-Version: 2.1\\nName: pocket\\nVersion: {version}\\n',\n"
        "         f'{info}/WHEEL': 'Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: true\\nTag: "
        "py3-none-any\\n'}\n"
        "files[f'{info}/RECORD'] = ''.join(f'{name},,\\n' for name in [*files, f'{info}/RECORD'])\n"
        "with zipfile.ZipFile(f'{folder}/pocket-{version}-py3-none-any.whl', 'w') as wheel:\n"
        "    for name, text in files.items():\n"
        "        wheel.writestr(zipfile.ZipInfo(name), text)\n";
    const Result<ProcessResult> made = run_process(
        {find_program("python3").string(), "-I", "-c", script, root().string(), version}, python_environment(), {});
    EXPECT_TRUE(made.ok() && made->exit_code == 0) << (made ? made->tail : made.error().message());
    const Result<std::string> digest = sha256_file(root() / ("pocket-" + version + "-py3-none-any.whl"));
    EXPECT_TRUE(digest.ok());
    return digest ? *digest : "";
  }
  void write_recipe(const std::string& version, const std::string& digest, const std::string& import = "pocket") {
    write(recipes() / "pocket" / "step.json",
          R"({"summary": "a test", "imports": [")" + import + R"("], "steps": []})");
    write(recipes() / "pocket" / "requirements.lock", "--no-index\n--find-links " + root().string() + "\npocket==" +
                                                          version + " \\\n    --hash=sha256:" + digest + "\n");
  }
  /// What `import pocket` finds in the environment.
  std::string installed_version(const Environment& environment) {
    std::string answer;
    const Result<ProcessResult> asked =
        run_process({environment.python.string(), "-I", "-c", "import pocket; print(pocket.version)"},
                    python_environment(), {}, [&](std::string_view line) { answer = line; });
    EXPECT_TRUE(asked.ok());
    return answer;
  }
  std::vector<std::string> environments(std::string_view name) const {
    std::vector<std::string> found;
    std::error_code error;
    for (fs::directory_iterator it(home(name), error), end; !error && it != end; it.increment(error))
      if (it->path().filename().string().starts_with("env-")) found.push_back(it->path().filename().string());
    return found;
  }

 private:
  std::optional<TempDir> folder_;
  std::map<std::string, std::optional<std::string>> saved_;
};

}  // namespace speedster::toolchain
