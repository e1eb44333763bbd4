#include <limits>

#include "base/lock.h"
#include "samples/layout.h"
#include "support.h"

namespace speedster::samples {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

Signature images(std::vector<Axis> axes = {dynamic("batch"), fixed(2), dynamic("width")}) {
  return {{spec("images", DType::kFloat32, std::move(axes))}, {}};
}

class BuildStore : public SamplesTest {
 protected:
  std::vector<float> values(const SampleStore& store, std::size_t sample, std::size_t input = 0) const {
    const auto inputs = store.sample(sample);
    if (!inputs) return {};
    const auto all = (*inputs)[input].as<float>();
    return {all.begin(), all.end()};
  }
};

TEST_F(BuildStore, CutsAxis0IntoBatchesOfOne) {
  save(named(NamedTensor{"images", floats({3, 2, 4})}));
  auto store = build(images());
  ASSERT_TRUE(store.ok()) << store.error().full_message();
  EXPECT_EQ(store->size(), 3U);
  EXPECT_THAT(store->input_names(), ElementsAre("images"));
  EXPECT_THAT(shape_of(store->sample(1)->front()), ElementsAre(1, 2, 4));
  EXPECT_THAT(values(*store, 1), ElementsAre(8, 9, 10, 11, 12, 13, 14, 15));
  EXPECT_EQ(store->bytes(1), 32U);
  EXPECT_EQ(store->sample(3).error().kind(), ErrorKind::kNotFound);
  EXPECT_THAT(store->notes(), IsEmpty());
  store->forget(1);
  EXPECT_EQ(values(*store, 1)[0], 8) << "forgotten pages come back from the file";
}

TEST_F(BuildStore, BatchesOfShapesAndTheRestIsDroppedAndNoted) {
  save(named(NamedTensor{"images", floats({7, 2, 4})}));
  options_.shapes["images"] = {3, 2, 4};
  auto store = build(images());
  ASSERT_TRUE(store.ok()) << store.error().full_message();
  EXPECT_EQ(store->size(), 2U);
  EXPECT_THAT(shape_of(store->sample(0)->front()), ElementsAre(3, 2, 4));
  EXPECT_EQ(values(*store, 1)[0], 24);
  ASSERT_EQ(store->notes().size(), 1U);
  EXPECT_THAT(store->notes()[0], HasSubstr("last 1 rows"));
}

TEST_F(BuildStore, AFixedBatchIsTheModelsOwn) {
  save(named(NamedTensor{"images", floats({8, 2, 4})}));
  EXPECT_THAT(shape_of(build(images({fixed(4), fixed(2), fixed(4)}))->sample(1)->front()), ElementsAre(4, 2, 4));
}

TEST_F(BuildStore, ABatchAxisThatIsNotTheFirstIsStacked) {
  save(named(NamedTensor{"x", floats({4, 3, 2})}, NamedTensor{"y", floats({4})}));
  options_.shapes["y"] = {2};
  const Signature signature{{spec("x", DType::kFloat32, {dynamic("time"), dynamic("batch"), fixed(2)}),
                             spec("y", DType::kFloat32, {dynamic("batch")})},
                            {}};
  auto store = build(signature);
  ASSERT_TRUE(store.ok()) << store.error().full_message();
  EXPECT_EQ(store->size(), 2U);
  EXPECT_THAT(shape_of(store->sample(0)->front()), ElementsAre(3, 2, 2));
  EXPECT_THAT(values(*store, 0), ElementsAre(0, 1, 6, 7, 2, 3, 8, 9, 4, 5, 10, 11));  // np.stack([x[0], x[1]], axis=1)
}

TEST_F(BuildStore, AnInputWithoutABatchAxisHasALeadingSampleAxis) {
  const Signature signature{{spec("images", DType::kFloat32, {dynamic("batch"), fixed(2)}),
                             spec("scale", DType::kFloat32, {}), spec("grid", DType::kFloat32, {dynamic("height")})},
                            {}};
  save(named(NamedTensor{"images", floats({3, 2})}, NamedTensor{"scale", floats({3})},
             NamedTensor{"grid", floats({3, 5})}));
  auto store = build(signature);
  ASSERT_TRUE(store.ok()) << store.error().full_message();
  EXPECT_EQ(store->size(), 3U);
  EXPECT_TRUE((*store->sample(2))[1].shape.empty());
  EXPECT_THAT(values(*store, 2, 1), ElementsAre(2));
  EXPECT_THAT(shape_of((*store->sample(2))[2]), ElementsAre(5));

  save(named(NamedTensor{"images", floats({3, 2})}, NamedTensor{"scale", floats({3})},
             NamedTensor{"grid", floats({5})}));
  fs::remove_all(root() / "store");
  EXPECT_THAT(refusal(signature).message(), HasSubstr("leading sample axis"));
}

TEST_F(BuildStore, Ragged) {
  save(named(NamedTensor{"images.0", floats({1, 2, 4})}, NamedTensor{"images.1", floats({1, 2, 7})},
             NamedTensor{"images.2", floats({2, 2, 1})}));
  auto store = build(images());
  ASSERT_TRUE(store.ok()) << store.error().full_message();
  EXPECT_EQ(store->size(), 3U);
  EXPECT_THAT(shape_of(store->sample(1)->front()), ElementsAre(1, 2, 7));
  EXPECT_THAT(shape_of(store->sample(2)->front()), ElementsAre(2, 2, 1));
  EXPECT_EQ(values(*store, 1).back(), 13);
}

TEST_F(BuildStore, AGapInTheNumbersIsAMistake) {
  save(named(NamedTensor{"images.0", floats({1, 2, 4})}, NamedTensor{"images.2", floats({1, 2, 4})}));
  EXPECT_THAT(refusal(images()).message(), HasSubstr("images.2 but no images.1"));
  save(named(NamedTensor{"images.1", floats({1, 2, 4})}));
  EXPECT_THAT(refusal(images()).message(), HasSubstr("images.1 but no images.0"));
}

TEST_F(BuildStore, ANumberedNameThatAnInputHasIsThatInputs) {
  const Signature signature{
      {spec("x", DType::kFloat32, {dynamic("batch")}), spec("x.0", DType::kFloat32, {dynamic("batch")})}, {}};
  save(named(NamedTensor{"x.0", floats({2})}));
  EXPECT_THAT(refusal(signature).message(), HasSubstr("an array \"x\""));
}

TEST_F(BuildStore, AFolderHasAFileASample) {
  options_.data = root() / "folder";
  fs::create_directory(options_.data);
  for (const int i : {2, 0, 1})
    ASSERT_TRUE(write_npz(options_.data / ("s" + std::to_string(i) + ".npz"),
                          named(NamedTensor{"images", floats({1, 2, i + 1})}))
                    .ok());
  ASSERT_TRUE(write_file(options_.data / "README.txt", "not a sample").ok());
  auto store = build(images());
  ASSERT_TRUE(store.ok()) << store.error().full_message();
  EXPECT_EQ(store->size(), 3U);
  for (std::int64_t i = 0; i < 3; ++i)
    EXPECT_THAT(shape_of(store->sample(static_cast<std::size_t>(i))->front()), ElementsAre(1, 2, i + 1));
  fs::create_directory(root() / "empty");
  options_.data = root() / "empty";
  EXPECT_EQ(build(images()).error().kind(), ErrorKind::kBadInput);
}

TEST_F(BuildStore, BFloat16ComesFromSafetensors) {
  options_.data = root() / "x.safetensors";
  ASSERT_TRUE(
      write_safetensors(options_.data, named(NamedTensor{"images", counted<std::uint16_t>(DType::kBFloat16, {2, 3})}))
          .ok());
  auto store = build({{spec("images", DType::kBFloat16, {dynamic("batch"), fixed(3)})}, {}});
  ASSERT_TRUE(store.ok()) << store.error().full_message();
  EXPECT_THAT(store->sample(1)->front().as<std::uint16_t>(), ElementsAre(3, 4, 5));
}

TEST_F(BuildStore, AnNpyFileServesAModelWithOneInput) {
  save(named(NamedTensor{"x", floats({2, 2, 3})}));
  const std::string zipped = *read_file(options_.data);
  options_.data = root() / "x.npy";
  const std::size_t at = zipped.find("\x93NUMPY");
  ASSERT_TRUE(write_file(options_.data, zipped.substr(at, 128 + 48)).ok());
  auto store = build(images());
  ASSERT_TRUE(store.ok()) << store.error().full_message();
  EXPECT_EQ(store->size(), 2U);
  fs::remove_all(root() / "store");
  Signature two = images();
  two.inputs.push_back(spec("more", DType::kFloat32, {dynamic("batch")}));
  EXPECT_THAT(refusal(two).message(), HasSubstr("npz"));
}

TEST_F(BuildStore, ErrorsShowTheInputsAndTheLinesThatWriteThem) {
  const Signature signature{
      {spec("images", DType::kFloat32, {dynamic("batch"), fixed(3)}), spec("in.1", DType::kInt64, {fixed(4)})}, {}};
  const auto expect_lines = [&](const std::string& got) {
    const Error error = refusal(signature);
    EXPECT_EQ(error.kind(), ErrorKind::kBadInput);
    EXPECT_THAT(error.message(),
                testing::AllOf(HasSubstr(got), HasSubstr("images float32 [batch, 3]"),
                               HasSubstr("images = np.zeros((100, 3), dtype=np.float32)"),
                               HasSubstr("x1 = np.zeros((100, 4), dtype=np.int64)"),
                               HasSubstr("np.savez(\"samples.npz\", images=images, **{\"in.1\": x1})")));
  };
  const auto ids = [] { return NamedTensor{"in.1", counted<std::int64_t>(DType::kInt64, {2, 4})}; };
  save(named(NamedTensor{"pictures", floats({2, 3})}, ids()));
  expect_lines("pictures float32 2x3");
  save(named(NamedTensor{"images", counted<double>(DType::kFloat64, {2, 3})}, ids()));
  expect_lines("images = images.astype(np.float32)");
  save(named(NamedTensor{"images", floats({2, 4})}, ids()));
  expect_lines("1x4");
  save(named(NamedTensor{"images", floats({2, 3, 1, 1})}, ids()));
  expect_lines("2x3x1x1");
  save(named(NamedTensor{"images", floats({3, 3})}, ids()));
  expect_lines("images 3, in.1 2");
  save(named(NamedTensor{"images", floats({0, 3})}, NamedTensor{"in.1", Tensor(DType::kInt64, {0, 4})}));
  expect_lines("at least 1 rows");
  save({});
  expect_lines("no arrays");
}

TEST_F(BuildStore, ShapesMustBeTheDatas) {
  save(named(NamedTensor{"images", floats({4, 2, 4})}));
  options_.shapes["images"] = {1, 2, 5};
  EXPECT_THAT(refusal(images()).message(), HasSubstr("--shapes"));
}

TEST_F(BuildStore, ShapesOfRaggedSamplesAreTheSizeToOptimizeFor) {
  save(named(NamedTensor{"images.0", floats({1, 2, 4})}, NamedTensor{"images.1", floats({1, 2, 7})}));
  options_.shapes["images"] = {3, 2, 9};
  EXPECT_THAT(refusal(images()).message(), HasSubstr("a batch of 3"));
  options_.shapes["images"] = {1, 2, 9};
  auto store = build(images());
  ASSERT_TRUE(store.ok()) << store.error().full_message();
  const auto ranged = with_ranges(images(), *store, options_);
  ASSERT_TRUE(ranged.ok());
  const Axis& width = ranged->inputs[0].axes[2];
  EXPECT_EQ(width.min, 4);
  EXPECT_EQ(width.opt, 9);
  EXPECT_EQ(width.max, 9) << "so that its corner is run";
}

TEST_F(BuildStore, ArraysThatNoInputWantsAreNoted) {
  save(named(NamedTensor{"images", floats({1, 2, 4})}, NamedTensor{"ids", floats({1})}));
  auto store = build(images());
  ASSERT_TRUE(store.ok());
  ASSERT_EQ(store->notes().size(), 1U);
  EXPECT_THAT(store->notes()[0], HasSubstr("ids"));
}

TEST_F(BuildStore, NanIsFoundAndNamed) {
  Tensor data = floats({4, 2, 3});
  data.as<float>()[15] = std::numeric_limits<float>::quiet_NaN();
  save(named(NamedTensor{"images", std::move(data)}));
  auto store = build(images());
  ASSERT_TRUE(store.ok());
  EXPECT_EQ(store->non_finite(), "images, sample 2");
}

TEST_F(BuildStore, TheDigestDependsOnTheData) {
  save(named(NamedTensor{"images", floats({2, 2, 3})}));
  const std::string first = build(images())->digest();
  EXPECT_EQ(first.size(), 64U);
  EXPECT_EQ(build(images())->digest(), first);
  Tensor data = floats({2, 2, 3});
  data.as<float>()[11] = 1;
  save(named(NamedTensor{"images", std::move(data)}));
  EXPECT_NE(build(images())->digest(), first);
}

TEST_F(BuildStore, AFailureKeepsTheStoreThatWasThere) {
  save(named(NamedTensor{"images", floats({2, 2, 3})}));
  ASSERT_TRUE(build(images()).ok());
  options_.data = root() / "none.npz";
  EXPECT_EQ(build(images()).error().kind(), ErrorKind::kNotFound);
  auto store = SampleStore::open(root() / "store");
  ASSERT_TRUE(store.ok());
  EXPECT_EQ(store->size(), 2U);
  EXPECT_EQ(std::distance(fs::directory_iterator(root()), {}), 2) << "the half-built one is gone";
}

TEST_F(BuildStore, AStoreInUseIsNotRemoved) {
  save(named(NamedTensor{"images", floats({2, 2, 3})}));
  {
    auto store = build(images());
    ASSERT_TRUE(store.ok());
    EXPECT_FALSE(*remove_store(root() / "store"));
    ASSERT_TRUE(fs::exists(root() / "store" / kIndexFile));
  }
  EXPECT_TRUE(*remove_store(root() / "store"));
  EXPECT_FALSE(fs::exists(root() / "store"));
  fs::create_directory(root() / "half");  // no index yet: somebody fills it
  EXPECT_FALSE(*remove_store(root() / "half"));
  fs::last_write_time(root() / "half", fs::file_time_type::clock::now() - std::chrono::hours(2));
  EXPECT_TRUE(*remove_store(root() / "half"));
  fs::create_directory(root() / "half");
  {
    const auto filling = FileLock::try_take(root() / "half" / kLockFile, FileLock::Mode::kShared);
    ASSERT_TRUE(filling.ok() && *filling);
    EXPECT_FALSE(*remove_store(root() / "half"));
  }
  EXPECT_TRUE(*remove_store(root() / "half")) << "nobody fills it any more";
}

TEST_F(BuildStore, StoresAreKeptWithinABound) {
  save(named(NamedTensor{"images", floats({2, 2, 3})}));
  const fs::path stores = root() / "stores";
  const auto age = [&](const char* name, int hours) {
    fs::last_write_time(stores / name, fs::file_time_type::clock::now() - std::chrono::hours(hours));
  };
  for (const char* name : {"old", "used", "young"}) {
    ASSERT_TRUE(make_directories(stores).ok());
    ASSERT_TRUE(build_store(options_, images(), stores / name).ok());
  }
  fs::create_directory(stores / ".samples-abandoned");
  age("old", 3), age("used", 2), age("young", 1), age(".samples-abandoned", 4);
  const auto open = SampleStore::open(stores / "used");
  ASSERT_TRUE(open.ok());
  bound_stores(stores, std::uint64_t{1} << 30U);
  EXPECT_FALSE(fs::exists(stores / ".samples-abandoned")) << "what an interrupted search left";
  EXPECT_TRUE(fs::exists(stores / "old")) << "within the bound nothing goes";
  bound_stores(stores, 2 * directory_size(stores / "young"));
  EXPECT_FALSE(fs::exists(stores / "old")) << "the least recently used goes first";
  EXPECT_TRUE(fs::exists(stores / "young"));
  bound_stores(stores, 0);
  EXPECT_TRUE(fs::exists(stores / "used")) << "in use";
  EXPECT_FALSE(fs::exists(stores / "young"));
}

TEST_F(BuildStore, AHeaderCannotPromiseSamplesWithoutEnd) {
  options_.data = root() / "x.npy";
  const auto promise = [&](const std::string& shape, const std::string& got) {
    std::string header = "{'descr': '<f4', 'fortran_order': False, 'shape': " + shape + "}";
    header.resize(117, ' ');
    ASSERT_TRUE(write_file(options_.data, std::string("\x93NUMPY\1\0v\0", 10) + header + "\n").ok());
    const Error error = refusal({{spec("x", DType::kFloat32, {dynamic("batch"), dynamic("length")})}, {}});
    EXPECT_EQ(error.kind(), ErrorKind::kBadInput);
    EXPECT_THAT(error.message(), HasSubstr(got));
  };
  promise("(4000000000000, 0)", "at most 4194304 samples");
  promise("(5, 0)", "samples with elements");
}

TEST_F(BuildStore, NamesInTheLinesAreEscaped) {
  const Signature signature{{spec("a\": 0}); import os; (\"\n", DType::kFloat32, {dynamic("batch"), fixed(3)})}, {}};
  save({});
  const std::string message = refusal(signature).message();
  EXPECT_THAT(message, HasSubstr("**{\"a\\\": 0}); import os; (\\\"\\n\": x0}"));
  EXPECT_THAT(message, HasSubstr("import os; (\"? float32 [batch, 3]"));
}

TEST_F(BuildStore, AStoreWithChangedFilesIsRefused) {
  save(named(NamedTensor{"images", floats({2, 2, 3})}));
  ASSERT_TRUE(build(images()).ok());
  const fs::path index = root() / "store" / kIndexFile;
  const std::string content = *read_file(index);
  const auto with = [&](std::string_view from, std::string_view to) {
    std::string changed = content;
    changed.replace(changed.find(from), from.size(), to);
    EXPECT_TRUE(write_file(index, changed).ok());
    return SampleStore::open(root() / "store").error().kind();
  };
  EXPECT_EQ(with("\"samples\": 2", "\"samples\": 3"), ErrorKind::kCorrupt);
  EXPECT_EQ(with("\"samples\": 2", "\"samples\": -2"), ErrorKind::kCorrupt);
  EXPECT_EQ(with("float32", "float64"), ErrorKind::kCorrupt);
  EXPECT_EQ(with("\"version\": 1", "\"version\": 2"), ErrorKind::kVersion);
  EXPECT_EQ(with("\"labels\": \"none\"", "\"labels\": \"text\""), ErrorKind::kNotFound);
  EXPECT_EQ(SampleStore::open(root() / "none").error().kind(), ErrorKind::kNotFound);
  ASSERT_TRUE(write_file(index, content).ok());
  ASSERT_TRUE(write_safetensors(root() / "store" / input_file(0), named(NamedTensor{"data", floats({2})})).ok());
  EXPECT_FALSE(SampleStore::open(root() / "store").ok());
}

TEST_F(BuildStore, ChosenSamplesAreWrittenAndReadAgain) {
  save(named(NamedTensor{"images", floats({5, 2, 3})}));
  auto store = build(images());
  ASSERT_TRUE(store.ok());
  options_.data = root() / "chosen.safetensors";
  ASSERT_TRUE(write_samples(options_.data, *store, {4, 1}).ok());
  auto again = build(images());
  ASSERT_TRUE(again.ok()) << again.error().full_message();
  EXPECT_EQ(again->size(), 2U);
  EXPECT_EQ(values(*again, 0)[0], 24);
  EXPECT_EQ(values(*again, 1)[0], 6);
  EXPECT_EQ(write_samples(options_.data, *store, {9}).error().kind(), ErrorKind::kNotFound);
}

}  // namespace
}  // namespace speedster::samples
