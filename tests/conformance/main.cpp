/// conformance --backend NAME [--plugin FILE] [--library FILE] [GoogleTest's options]
/// --plugin is the plug-in to test (default: the build's), --library the vendor's library.
#include <unistd.h>

#include <cstdlib>
#include <cstring>

#include "conformance/harness.h"
#include "conformance/vendor.h"

int main(int argc, char** argv) {
  using namespace speedster::conformance;
  ::testing::InitGoogleTest(&argc, argv);
  std::string backend, plugin, library;
  for (int i = 1; i + 1 < argc; i += 2) {
    if (std::strcmp(argv[i], "--backend") == 0) backend = argv[i + 1];
    if (std::strcmp(argv[i], "--plugin") == 0) plugin = argv[i + 1];
    if (std::strcmp(argv[i], "--library") == 0) library = argv[i + 1];
  }
  if (backend.empty() || argc % 2 == 0) {
    std::fprintf(stderr,
                 "[conformance] expected --backend NAME [--plugin FILE] [--library FILE], got other arguments\n");
    return 2;
  }
  const std::filesystem::path folder = SPEEDSTER_BACKEND_FOLDER;
  const auto file = [&](const std::string& name) { return folder / ("libspeedster_backend_" + name + ".so"); };

  std::string scratch = std::filesystem::temp_directory_path() / "speedster-conformance-XXXXXX";
  if (::mkdtemp(scratch.data()) == nullptr) {
    std::perror("[conformance] expected a temporary folder");
    return 1;
  }
  Suite& s = suite();
  s.backend = backend;
  s.folder = scratch;
  s.oracle = std::make_unique<Instance>(file("reference"), Options{});
  const std::filesystem::path tested_file = plugin.empty() ? file(backend) : std::filesystem::path(plugin);
  // The vendor is found by what the plug-in says of it, before it is opened.
  s.library = find_vendor(backend, describe_plugin(tested_file), library);
  s.tested = std::make_unique<Instance>(tested_file, s.library.empty() ? Options{} : Options{{"library", s.library}});
  const int result = RUN_ALL_TESTS();
  s.tested.reset();
  s.oracle.reset();
  std::error_code ignored;
  std::filesystem::remove_all(scratch, ignored);
  return result;
}
