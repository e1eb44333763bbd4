#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "compressor/steps.h"
#include "unit/compressor/graphs.h"

namespace speedster::compressor {
namespace {

using namespace speedster::testing;
using onnx_model::OnnxModel;

// 18 weights of 128 MiB: more than a protobuf message holds, and than is to be held in memory.
constexpr std::int64_t kRows = 4096, kColumns = 8192;
constexpr int kLayers = 18;
constexpr std::uint64_t kBytes = static_cast<std::uint64_t>(kRows * kColumns) * sizeof(float);
constexpr long kMostKib = 640L << 10U;

/// Products one after the other; the file of their weights is sparse, with one number at the beginning of each.
fs::path write_large(const fs::path& folder) {
  OnnxWriter m;
  m.input("t0", OnnxType::kFloat, {"n", kRows}).output("t" + std::to_string(kLayers), OnnxType::kFloat, {"n", ""});
  std::ofstream data(folder / "weights.bin", std::ios::binary);
  for (int i = 0; i < kLayers; ++i) {
    const std::string weight = "w" + std::to_string(i);
    const Extents shape = i % 2 == 0 ? Extents{kRows, kColumns} : Extents{kColumns, kRows};
    m.external_reference(weight, OnnxType::kFloat, shape, "weights.bin", kBytes * static_cast<std::uint64_t>(i),
                         kBytes);
    m.node("MatMul", {"t" + std::to_string(i), weight}, {"t" + std::to_string(i + 1)}, {}, "layer" + std::to_string(i));
    const float first = 1.5F + static_cast<float>(i);
    data.seekp(static_cast<std::streamoff>(kBytes * static_cast<std::uint64_t>(i)));
    data.write(reinterpret_cast<const char*>(&first), sizeof first);
  }
  data.close();
  fs::resize_file(folder / "weights.bin", kBytes * kLayers);
  return m.save(folder / "large.onnx");
}

struct Outcome {
  int status = -1;
  long peak_kib = 0;
};
/// In a process of its own, so that the peak is that of this work.
template <typename Work>
Outcome apart(const Work& work) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(work() ? 0 : 1);
  Outcome outcome;
  struct rusage used{};
  ::wait4(child, &outcome.status, 0, &used);
  outcome.peak_kib = used.ru_maxrss;
  return outcome;
}

float first_of(const OnnxModel& model, const std::string& name) {
  for (const auto& tensor : model.proto().graph().initializer()) {
    if (tensor.name() != name) continue;
    const Tensor values = value_or_throw(model.initializer(tensor));
    return static_cast<float>(element(values.view(), 0));
  }
  throw std::runtime_error("no " + name);
}

TEST(LargeModels, AreEditedWithoutBeingHeldInMemory) {
  const TempDir folder = value_or_throw(TempDir::create("large"));
  const fs::path in = write_large(folder.path()), out = folder.path() / "out.onnx";
  ASSERT_GT(kBytes * kLayers, std::uint64_t{2} << 30U);

  const Outcome half =
      apart([&] { return convert_half_file(in, out, Half::kFloat16, {}).value().quantized_nodes == kLayers; });
  EXPECT_EQ(half.status, 0);
  EXPECT_LT(half.peak_kib, kMostKib);
  EXPECT_EQ(fs::file_size(out.string() + ".data") / (kBytes / 2), static_cast<std::uint64_t>(kLayers));

  const Outcome dynamic = apart([&] { return quantize_dynamic_file(in, out, {}).value().quantized_nodes == kLayers; });
  EXPECT_EQ(dynamic.status, 0);
  EXPECT_LT(dynamic.peak_kib, kMostKib);
  const OnnxModel quantized = value_or_throw(OnnxModel::read(out));
  EXPECT_EQ(count(quantized, "MatMulInteger"), static_cast<std::size_t>(kLayers));
  EXPECT_EQ(first_of(quantized, "w17_quantized"), 127);
  EXPECT_FLOAT_EQ(first_of(quantized, "w17_scale"), 18.5F / 127);
}

}  // namespace
}  // namespace speedster::compressor
