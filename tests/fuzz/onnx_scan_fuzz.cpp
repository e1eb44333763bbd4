/// ONNX files as the vendors' plug-ins scan them: what is accepted has its external data inside the model's folder, can
/// be copied with it, and every output is judged.
#include "fuzz/input_file.h"
#include "support/onnx_scan.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace fs = std::filesystem;
  using namespace speedster;
  static const fuzz::InputFile file("input.onnx", "weights.bin");
  static const TempDir copies = fuzz::scratch();
  const fs::path& path = file.write(data, size);
  plugin::OnnxScan scan;
  if (!fuzz::reads([&] { scan = plugin::scan_onnx(path, "fuzz"); })) return 0;
  fuzz::expect(plugin::shapes_depend_on_values(scan).size() == scan.outputs.size());
  for (const std::string& name : scan.external_files) {
    const fs::path relative(name);
    fuzz::expect(relative.is_relative() && *relative.begin() != "..");
    fuzz::expect(fs::is_regular_file(file.folder() / relative));
  }
  if (scan.external_files.empty()) return 0;
  fuzz::reads([&] {
    for (const std::string& copied : plugin::copy_onnx(path, scan, copies.path(), "fuzz"))
      fuzz::expect(fs::is_regular_file(copies.path() / copied));
  });
  return 0;
}
