#include "compressor/switches.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "rewrite/rewrite.h"
#include "unit/compressor/graphs.h"

namespace speedster::compressor {
namespace {

using namespace speedster::testing;
using onnx_model::OnnxModel;

/// A model as it is, quantized, and with switches.
class Switches {
 public:
  Switches(const OnnxWriter& writer, const std::string& backend, const Shape& shape)
      : exact_(parsed(writer)), input_(random_tensor(shape, 7)) {
    value_or_throw(rewrite::rewrite(exact_, {}));
    const Target target = value_or_throw(target_for(backend, true));
    const Ranges ranges = calibrated(exact_, calibration_tensors(exact_, target, {}), shape);
    OnnxModel quantized = exact_.clone(), switched = exact_.clone();
    names_ = value_or_throw(quantize_static(quantized, target, ranges, {})).nodes;
    switches_ = value_or_throw(with_switches(switched, target, ranges, {}));
    quantized_output_ = run(quantized, input_);
    exact_output_ = run(exact_, input_);
    ok_or_throw(switched.save(folder_.path() / "switched.onnx"));
    runner_.emplace(folder_.path() / "switched.onnx");
  }

  Tensor output(const std::vector<std::size_t>& on) {
    std::vector<Tensor> inputs;
    inputs.push_back(input_.clone());
    inputs.emplace_back(DType::kBool, Shape{static_cast<std::int64_t>(switches_.size())});
    std::memset(inputs.back().data(), 0, inputs.back().bytes());
    for (const std::size_t node : on) static_cast<std::uint8_t*>(inputs.back().data())[node] = 1;
    return std::move(runner_->run(inputs).at(0));
  }
  double off_exact(const std::vector<std::size_t>& on) {
    return difference(exact_output_.view(), output(on).view()).relative_l2;
  }
  double off_quantized(const std::vector<std::size_t>& on) {
    return difference(quantized_output_.view(), output(on).view()).relative_l2;
  }
  std::vector<std::size_t> all() const {
    std::vector<std::size_t> nodes(switches_.size());
    for (std::size_t i = 0; i < nodes.size(); ++i) nodes[i] = i;
    return nodes;
  }

  std::vector<std::string> names_, switches_;

 private:
  TempDir folder_ = value_or_throw(TempDir::create("switches"));
  OnnxModel exact_;
  Tensor input_, quantized_output_, exact_output_;
  std::optional<ReferenceRunner> runner_;
};

struct Case {
  std::string name;
  OnnxWriter writer;
  Shape shape;
};

TEST(WithSwitches, OffIsTheOriginalAndOnIsTheQuantizedModel) {
  for (const char* backend : {"onnxruntime", "openvino"})
    for (const Case& one : {Case{"cnn", models::small_cnn(), {2, 3, 16, 12}}, Case{"mlp", models::mlp(), {3, 16}},
                            Case{"attention", models::attention(), {2, 5, 8}}}) {
      SCOPED_TRACE(one.name + " " + backend);
      Switches model(one.writer, backend, one.shape);
      EXPECT_EQ(model.switches_, model.names_);
      EXPECT_EQ(model.off_exact({}), 0);
      EXPECT_LT(model.off_quantized(model.all()), 1e-6);
      EXPECT_GT(model.off_exact(model.all()), 1e-5);
    }
}

TEST(WithSwitches, EachNodeHasItsOwnLoss) {
  Switches model(models::small_cnn(), "onnxruntime", {2, 3, 16, 12});
  double squares = 0;
  for (const std::size_t node : model.all()) {
    const double off = model.off_exact({node});
    EXPECT_GT(off, 0) << model.switches_[node];
    squares += off * off;
  }
  const double all = model.off_exact(model.all());
  EXPECT_GT(all * all, 0.3 * squares) << "about what they lose together";
  EXPECT_LT(all * all, 3 * squares);
}

TEST(WithSwitches, AQuantizedModelIsRefused) {
  OnnxModel model = parsed(models::qdq_mlp());
  const Target target = value_or_throw(target_for("openvino", true));
  EXPECT_EQ(with_switches(model, target, {}, {}).error().kind(), ErrorKind::kUnsupported);
}

}  // namespace
}  // namespace speedster::compressor
