/// OpenVINO IR as the plug-in scans it: a judgement for each result, or a failure.
#include "fuzz/input_file.h"
#include "openvino/ir_scan.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace speedster;
  static const fuzz::InputFile file("model.xml", "model.bin");
  const std::filesystem::path& path = file.write(data, size);
  openvino::IrScan scan;
  if (!fuzz::reads([&] { scan = openvino::scan_ir(path); })) return 0;
  std::size_t layers = 0;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (std::size_t at = text.find("<layer"); at != std::string_view::npos; at = text.find("<layer", at + 1)) ++layers;
  fuzz::expect(scan.value_dependent.size() <= layers);
  return 0;
}
