#include "samples/join.h"

#include "support.h"

namespace speedster::samples {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class JoinTest : public SamplesTest {
 protected:
  /// The samples of `count` calls with `rows` rows, read back.
  SampleStore joined(const Signature& signature, std::size_t count, std::int64_t rows) {
    auto store = build(signature);
    EXPECT_TRUE(store.ok()) << store.error().full_message();
    SampleOptions made;
    made.data = root() / "joined.safetensors";
    const auto written = write_batches(made.data, *store, signature, count, rows);
    EXPECT_TRUE(written.ok()) << written.error().full_message();
    auto back = build_store(made, signature, root() / "joined");
    EXPECT_TRUE(back.ok()) << back.error().full_message();
    return std::move(*back);
  }
  static std::vector<float> values(const SampleStore& store, std::size_t sample, std::size_t input) {
    const auto views = store.sample(sample);
    EXPECT_TRUE(views.ok());
    const auto* data = static_cast<const float*>((*views)[input].data);
    return {data, data + (*views)[input].bytes() / sizeof(float)};
  }
};

const Signature kPair{
    {spec("a", DType::kFloat32, {dynamic("batch"), fixed(2)}),
     spec("t", DType::kFloat32, {dynamic("time"), dynamic("batch")}), spec("scale", DType::kFloat32, {})},
    {}};

TEST_F(JoinTest, RowsOfConsecutiveSamplesAlongEachInputsBatchAxis) {
  const auto ones = [](Shape shape, float value) {
    Tensor tensor(DType::kFloat32, std::move(shape));
    std::ranges::fill(tensor.as<float>(), value);
    return tensor;
  };
  std::vector<NamedTensor> tensors;
  for (int i = 0; i < 3; ++i) {
    const float value = static_cast<float>(i + 1);
    const std::string end = "." + std::to_string(i);
    tensors.push_back({"a" + end, ones({1, 2}, value)});
    tensors.push_back({"t" + end, ones({2, 1}, value)});
    tensors.push_back({"scale" + end, ones({}, value)});
    tensors.push_back({"anchors" + end, ones({5}, value)});
  }
  save(tensors);
  Signature signature = kPair;
  signature.inputs.push_back(spec("anchors", DType::kFloat32, {fixed(5)}));
  const SampleStore store = joined(signature, 3, 2);
  ASSERT_EQ(store.size(), 3U);
  EXPECT_THAT(values(store, 0, 0), ElementsAre(1, 1, 2, 2));
  EXPECT_THAT(values(store, 0, 1), ElementsAre(1, 2, 1, 2)) << "the batch is the last axis: columns side by side";
  EXPECT_THAT(values(store, 2, 0), ElementsAre(3, 3, 1, 1)) << "from the first again";
  EXPECT_THAT(values(store, 1, 2), ElementsAre(2)) << "no batch axis: as it is";
  EXPECT_THAT(values(store, 1, 3), ElementsAre(2, 2, 2, 2, 2)) << "a fixed first axis beside a dynamic batch is none";
  EXPECT_EQ(shape_of((*store.sample(0))[1]), (Shape{2, 2}));
}

const Signature kRagged{{spec("x", DType::kFloat32, {dynamic("batch"), dynamic("width")})}, {}};

TEST_F(JoinTest, WrapsAroundAndRepeats) {
  save(named(NamedTensor{"x", floats({3, 1})}));  // three samples: 0, 1, 2
  const SampleStore store = joined(kRagged, 2, 5);
  EXPECT_THAT(values(store, 0, 0), ElementsAre(0, 1, 2, 0, 1));
  EXPECT_THAT(values(store, 1, 0), ElementsAre(1, 2, 0, 1, 2));
}

TEST_F(JoinTest, PassesOverOtherShapes) {
  save(named(NamedTensor{"x.0", floats({1, 1})}, NamedTensor{"x.1", floats({1, 3})},
             NamedTensor{"x.2", floats({2, 1})}));
  const SampleStore store = joined(kRagged, 2, 3);
  EXPECT_THAT(values(store, 0, 0), ElementsAre(0, 0, 1)) << "a row of the first and two of the third";
  EXPECT_THAT(values(store, 1, 0), ElementsAre(0, 1, 2, 0, 1, 2, 0, 1, 2)) << "alone with its width";
}

TEST_F(JoinTest, SmallerBatchesCrop) {
  save(named(NamedTensor{"x.0", floats({4, 1})}));
  EXPECT_THAT(values(joined(kRagged, 1, 2), 0, 0), ElementsAre(0, 1));
}

TEST_F(JoinTest, RowsOfACall) {
  save(named(NamedTensor{"x.0", floats({4, 1})}, NamedTensor{"x.1", floats({1, 2})}));
  const auto store = build(kRagged);
  ASSERT_TRUE(store.ok());
  EXPECT_THAT(*rows_of(*store, kRagged, 64), ElementsAre(4, 1));
  EXPECT_THAT(*rows_of(*store, kRagged, 1), ElementsAre(4));
}

TEST_F(JoinTest, FixedOrMissingBatchAxesAreRefused) {
  const Signature fixed_batch{{spec("x", DType::kFloat32, {fixed(1), fixed(2)})}, {}};
  save(named(NamedTensor{"x", floats({3, 2})}));
  const auto store = build(fixed_batch);
  ASSERT_TRUE(store.ok());
  const auto refused = write_batches(root() / "out.safetensors", *store, fixed_batch, 1, 4);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().kind(), ErrorKind::kUsage);
  EXPECT_THAT(refused.error().full_message(), HasSubstr("try batches of 1"));
  EXPECT_TRUE(write_batches(root() / "out.safetensors", *store, fixed_batch, 1, 1).ok());

  const Signature scalar{{spec("s", DType::kFloat32, {})}, {}};
  save(named(NamedTensor{"s", floats({3})}));
  const auto scalars = build(scalar);
  ASSERT_TRUE(scalars.ok());
  EXPECT_EQ(write_batches(root() / "out.safetensors", *scalars, scalar, 1, 4).error().kind(), ErrorKind::kUsage);
}

}  // namespace
}  // namespace speedster::samples
