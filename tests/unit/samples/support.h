/// What the tests of samples share: a folder, signatures, arrays.
#pragma once
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>
#include <optional>
#include <string>
#include <vector>

#include "base/files.h"
#include "model/signature.h"
#include "samples/store.h"
#include "tensor/safetensors.h"

namespace speedster::samples {

inline Axis fixed(std::int64_t value) { return {value, "", {}, {}, {}}; }
inline Axis dynamic(std::string name = "") { return {-1, std::move(name), {}, {}, {}}; }
inline TensorSpec spec(std::string name, DType dtype, std::vector<Axis> axes) {
  return {std::move(name), dtype, std::move(axes), false};
}

/// 0, 1, 2, …
template <typename T = float>
Tensor counted(DType dtype, Shape shape) {
  Tensor tensor(dtype, std::move(shape));
  std::iota(tensor.as<T>().begin(), tensor.as<T>().end(), T{0});
  return tensor;
}
inline Tensor floats(Shape shape) { return counted<float>(DType::kFloat32, std::move(shape)); }

template <typename... Tensors>
std::vector<NamedTensor> named(Tensors... pairs) {
  std::vector<NamedTensor> list;
  (list.push_back(std::move(pairs)), ...);
  return list;
}

inline Shape shape_of(const TensorView& view) { return {view.shape.begin(), view.shape.end()}; }

class SamplesTest : public testing::Test {
 protected:
  void SetUp() override {
    auto made = TempDir::create("samples");
    ASSERT_TRUE(made.ok());
    folder_.emplace(std::move(*made));
    options_.data = root() / "data.npz";
  }
  const fs::path& root() const { return folder_->path(); }
  void save(const std::vector<NamedTensor>& tensors) {
    const auto written = write_npz(options_.data, tensors);
    ASSERT_TRUE(written.ok()) << written.error().full_message();
  }
  Result<SampleStore> build(const Signature& signature) const {
    return build_store(options_, signature, root() / "store");
  }
  Error refusal(const Signature& signature) const {
    auto built = build(signature);
    EXPECT_FALSE(built.ok());
    EXPECT_FALSE(fs::exists(root() / "store")) << "a refused build leaves nothing";
    return built.ok() ? Error(ErrorKind::kInternal, "accepted") : built.error();
  }

  std::optional<TempDir> folder_;
  SampleOptions options_;
};

}  // namespace speedster::samples
