#include "job/repro.h"

#include <gmock/gmock.h>

#include "base/files.h"

namespace speedster::job {
namespace {

using ::testing::HasSubstr;

TEST(Repro, AVendorsScriptIsPythonWithItsFactsFilledIn) {
  const auto folder = TempDir::create("speedster-repro-");
  ASSERT_TRUE(folder.ok());
  for (const std::string& backend : vendors_with_repro()) {
    VendorRepro what;
    what.backend = backend;
    what.version = "1.2.3";
    what.model = "inputs/model/odd \"name\" \\ \xC3\xA9.onnx";
    what.options = {{"precision", "fp32"}, {"optimization", "all"}};
    what.threads = 3;
    ASSERT_TRUE(write_vendor_repro(folder->path(), what).ok());
    const fs::path script = folder->path() / "repro_vendor.py";
    const auto text = read_file(script);
    ASSERT_TRUE(text.ok());
    EXPECT_THAT(*text, HasSubstr(backend + "==1.2.3"));
    EXPECT_EQ(text->find("@"), std::string::npos) << backend;
    const std::string check =
        "python3 -c \"import ast,sys; t=ast.parse(open(sys.argv[1]).read());"
        "v=[ast.literal_eval(n.value) for n in t.body if isinstance(n,ast.Assign) and "
        "isinstance(n.value,ast.Tuple)][0];"
        "sys.exit(0 if v[0].endswith('odd \\\"name\\\" \\\\\\\\ \\u00e9.onnx') and v[2]==3 and "
        "v[3]['precision']=='fp32' else 1)\" ";
    EXPECT_EQ(::system((check + script.string()).c_str()), 0) << *text;
  }
}

TEST(Repro, ABackendWithoutATemplateIsRefused) {
  VendorRepro what;
  what.backend = "reference";
  const auto written = write_vendor_repro("/tmp", what);
  ASSERT_FALSE(written.ok());
  EXPECT_EQ(written.error().kind(), ErrorKind::kUnsupported);
}

TEST(Repro, TheScriptHoldsTheLimits) {
  const auto folder = TempDir::create("speedster-repro-");
  ASSERT_TRUE(folder.ok());
  Limits limits;
  limits.memory_bytes = 1'000'000;
  limits.wall_seconds = 12.5;
  limits.threads = 2;
  ASSERT_TRUE(write_repro(folder->path(), limits).ok());
  const auto text = read_file(folder->path() / "repro.sh");
  ASSERT_TRUE(text.ok());
  EXPECT_THAT(*text, HasSubstr("exec --memory=1000000 --wall=13 -- "));
  EXPECT_THAT(*text, HasSubstr("OMP_NUM_THREADS=2"));
  EXPECT_EQ(text->find("@"), std::string::npos);
  EXPECT_EQ(::system(("sh -n " + (folder->path() / "repro.sh").string()).c_str()), 0);
}

}  // namespace
}  // namespace speedster::job
