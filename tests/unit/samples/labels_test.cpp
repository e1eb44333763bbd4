#include "samples/labels.h"

#include "samples/npy.h"
#include "support.h"

namespace speedster::samples {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class LabelsTest : public SamplesTest {
 protected:
  void SetUp() override {
    SamplesTest::SetUp();
    save(named(NamedTensor{"x", floats({6, 2})}));
    options_.labels = root() / "labels";
  }
  Signature signature() const { return {{spec("x", DType::kFloat32, {dynamic("batch"), fixed(2)})}, {}}; }
  void text(const std::string& content) { ASSERT_TRUE(write_file(options_.labels, content).ok()); }
  void npy(const Tensor& tensor) {
    text(*make_npy_header(tensor.dtype(), tensor.shape()) +
         std::string(static_cast<const char*>(tensor.data()), tensor.bytes()));
  }
};

TEST_F(LabelsTest, ALineASample) {
  text("\xEF\xBB\xBFzero\r\none\n\nthree\nfour\nfive\n");
  auto store = build(signature());
  ASSERT_TRUE(store.ok()) << store.error().full_message();
  EXPECT_TRUE(store->labelled());
  EXPECT_EQ(store->label_text(0), "zero");
  EXPECT_EQ(store->label_text(2), "") << "an empty line is a label";
  EXPECT_EQ(store->label_text(5), "five");
  EXPECT_FALSE(store->label(0).has_value());
}

TEST_F(LabelsTest, RowsOfAnArray) {
  npy(counted<std::int64_t>(DType::kInt64, {6}));
  auto store = build(signature());
  ASSERT_TRUE(store.ok()) << store.error().full_message();
  EXPECT_THAT(store->label(4)->as<std::int64_t>(), ElementsAre(4));
  EXPECT_THAT(shape_of(*store->label(4)), ElementsAre(1));
  EXPECT_FALSE(store->label_text(0).has_value());
}

TEST_F(LabelsTest, BatchesHaveTheLabelsOfTheirRows) {
  options_.shapes["x"] = {4, 2};
  npy(counted<std::int64_t>(DType::kInt64, {6}));
  auto store = build(signature());
  ASSERT_TRUE(store.ok()) << store.error().full_message();
  EXPECT_EQ(store->size(), 1U);
  EXPECT_THAT(store->label(0)->as<std::int64_t>(), ElementsAre(0, 1, 2, 3)) << "the labels of dropped rows are dropped";
  options_.shapes["x"] = {3, 2};
  text("a\nb\nc\nd\ne\nf\n");
  EXPECT_EQ(build(signature())->label_text(1), "d\ne\nf");
  text("first\nsecond\n");
  EXPECT_EQ(build(signature())->label_text(1), "second") << "one label a sample is as good";
}

TEST_F(LabelsTest, WrongNumbersAndKindsAreRefused) {
  text("a\nb\n");
  EXPECT_THAT(refusal(signature()).message(), HasSubstr("expected 6 labels, one a row of the samples, got 2"));
  text("");
  EXPECT_EQ(refusal(signature()).kind(), ErrorKind::kBadInput);
  text(std::string("PK\3\4\0\0", 6));
  EXPECT_THAT(refusal(signature()).message(), HasSubstr("np.save"));
  npy(counted<std::int64_t>(DType::kInt64, {}));
  EXPECT_THAT(refusal(signature()).message(), HasSubstr("scalar"));
  options_.labels = root() / "none";
  EXPECT_EQ(refusal(signature()).kind(), ErrorKind::kNotFound);
}

TEST_F(LabelsTest, TheyAreInTheDigest) {
  text("a\nb\nc\nd\ne\nf\n");
  const std::string one = build(signature())->digest();
  text("a\nb\nc\nd\ne\ng\n");
  EXPECT_NE(build(signature())->digest(), one);
}

}  // namespace
}  // namespace speedster::samples
