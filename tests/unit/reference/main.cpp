#include <unistd.h>

#include <cstdlib>

#include "conformance/harness.h"

/// The harness of the conformance suite, with the reference backend as what is tested.
int main(int argc, char** argv) {
  using namespace speedster::conformance;
  ::testing::InitGoogleTest(&argc, argv);
  std::string folder = std::filesystem::temp_directory_path() / "speedster-reference-XXXXXX";
  if (::mkdtemp(folder.data()) == nullptr) return 1;
  suite().backend = "reference";
  suite().folder = folder;
  suite().tested = std::make_unique<Instance>(
      std::filesystem::path(SPEEDSTER_BACKEND_FOLDER) / "libspeedster_backend_reference.so", Options{});
  const int result = RUN_ALL_TESTS();
  suite().tested.reset();
  std::filesystem::remove_all(folder);
  return result;
}
