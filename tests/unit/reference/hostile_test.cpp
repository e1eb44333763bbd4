/// Models that were damaged or made to harm: an error, never more.
#include <sys/stat.h>

#include "unit/reference/single_node.h"

namespace speedster::reference_test {
namespace {

namespace models = testing::models;

/// Loads the bytes and, if they load, runs them; what comes back does not matter.
void provoke(const std::string& bytes) {
  const auto path = suite().folder / "hostile.onnx";
  OnnxWriter::write(path, bytes);
  Model model;
  if (!tested().load(path, {}, model).ok()) return;
  Context context;
  if (!context.open(model).ok()) return;
  std::vector<HostTensor> inputs, outputs;
  for (std::uint32_t i = 0; i < model.signature().inputs; ++i) {
    const sp_tensor_info& info = *model.signature().input[i];
    if (info.rank < 0) return;
    Extents shape(info.shape, info.shape + info.rank);
    std::size_t count = 1;
    for (std::int64_t& extent : shape) {
      extent = extent < 0 ? 4 : extent;
      if (extent > 4096 || (count *= static_cast<std::size_t>(std::max<std::int64_t>(extent, 1))) > 65536) return;
    }
    HostTensor input(info.dtype, shape, 0);
    input.bytes.resize((static_cast<std::size_t>(input.count()) * info.dtype.bits + 7) / 8, std::byte{0x3C});
    inputs.push_back(std::move(input));
  }
  (void)context.run(inputs, outputs);
}

const std::vector<OnnxWriter>& victims() {
  static const std::vector<OnnxWriter> writers = {
      models::mlp(),     models::small_cnn(),    models::attention(),
      models::qdq_mlp(), models::dynamic_int8(), models::several_outputs(),
      models::nonzero(), models::rows(),         models::identity(OnnxType::kInt4)};
  return writers;
}

TEST(Hostile, TruncatedAtEveryPlace) {
  for (const auto& victim : victims()) {
    const std::string whole = victim.bytes();
    for (std::size_t length = 0; length < whole.size(); length += length < 256 ? 1 : 37)
      provoke(whole.substr(0, length));
  }
}

TEST(Hostile, BytesChanged) {
  for (const auto& victim : victims()) {
    const std::string whole = victim.bytes();
    for (std::size_t at = 0; at < whole.size(); at += whole.size() > 1024 ? 5 : 1) {
      for (const int mask : {0x01, 0x10, 0x80, 0xFF}) {
        std::string changed = whole;
        changed[at] = static_cast<char>(changed[at] ^ mask);
        provoke(changed);
      }
    }
  }
}

OnnxWriter with_initializer(const Extents& dims, const std::string& raw) {
  OnnxWriter writer;
  writer.input("x", OnnxType::kFloat, {2}).output("y", OnnxType::kFloat, {2}).node("Add", {"x", "w"}, {"y"});
  writer.initializer("w", testing::TensorData{OnnxType::kFloat, dims, raw});
  return writer;
}

Status load(const OnnxWriter& writer) {
  Model model;
  return tested().load(save(writer, "hostile"), {}, model);
}

TEST(Hostile, InitializersThatLieAboutTheirSize) {
  EXPECT_CODE(SP_INVALID, load(with_initializer({std::int64_t{1} << 40}, "1234")));
  EXPECT_CODE(SP_INVALID, load(with_initializer({std::int64_t{1} << 62, 8}, "")));
  EXPECT_CODE(SP_INVALID, load(with_initializer({-2}, std::string(8, '\0'))));
  EXPECT_CODE(SP_INVALID, load(with_initializer({2}, std::string(9, '\0'))));
  EXPECT_CODE(SP_UNSUPPORTED, load(with_initializer({1, 1, 1, 1, 1, 1, 1, 1, 2}, std::string(8, '\0'))));
}

TEST(Hostile, ShapesThatAskForTooMuch) {
  const auto huge = longs({2}, {std::int64_t{1} << 30, std::int64_t{1} << 30});
  for (const char* op : {"ConstantOfShape", "Expand", "Tile"}) {
    SingleNode node{op, {}};
    if (std::string(op) != "ConstantOfShape") node.inputs.push_back(floats({1, 1}, {1}));
    node.inputs.push_back(huge);
    const Status status = node.status();
    EXPECT_TRUE(status.code == SP_MEMORY || status.code == SP_SHAPE) << op << ": " << status;
  }
  EXPECT_CODE(
      SP_SHAPE,
      (SingleNode{"Reshape", {floats({4}, {1, 2, 3, 4}), longs({3}, {std::int64_t{1} << 40, std::int64_t{1} << 40, 0})}}
           .status()));
  EXPECT_CODE(SP_SHAPE, (SingleNode{"ConstantOfShape", {longs({1}, {-1})}}.status()));
}

TEST(Hostile, EmptyResultsOfHugeExtents) {
  const std::int64_t huge = std::int64_t{1} << 61;
  const auto none = floats({0, 1}, {});
  const auto refused = [](SingleNode node) {
    const Status status = node.status();
    EXPECT_TRUE(status.code == SP_MEMORY || status.code == SP_SHAPE) << node.op << ": " << status;
  };
  refused({"Tile", {none, longs({2}, {1, huge})}});
  refused({"Tile", {tensor<std::uint8_t>({0, 1}, {}), longs({2}, {1, huge})}, {}, {OnnxType::kUInt8}});
  refused({"Expand", {none, longs({2}, {0, huge})}});
  refused({"ConstantOfShape", {longs({3}, {0, std::int64_t{1} << 40, std::int64_t{1} << 40})}});
  refused({"Reshape", {none, longs({3}, {std::int64_t{1} << 40, 0, std::int64_t{1} << 40})}, {{"allowzero", 1}}});
  // What fits and has no elements needs no working memory either, whatever its extents.
  const std::int64_t large = std::int64_t{1} << 57;
  for (const std::int64_t extent : {large, std::int64_t{1} << 36})
    EXPECT_OK((SingleNode{"Tile", {none, longs({2}, {1, extent})}}.status())) << extent;
  EXPECT_OK((SingleNode{"Pad", {none, longs({4}, {0, 0, 0, std::int64_t{1} << 40})}}.status()));
  EXPECT_CODE(SP_INVALID, load(with_initializer({0, huge, 8}, "")));
}

TEST(Hostile, EmptyInputsOfHugeExtents) {
  const std::int64_t large = std::int64_t{1} << 57;
  const auto rows = floats({0, large}, {});
  EXPECT_OK((SingleNode{"Gemm", {floats({0, 0}, {}), rows}}.status()));
  EXPECT_OK((SingleNode{"MatMul", {floats({0, 0}, {}), rows}}.status()));
  EXPECT_OK(
      (SingleNode{"TopK", {rows, longs({1}, {5})}, {{"axis", 1}}, {OnnxType::kFloat, OnnxType::kInt64}}.status()));
  EXPECT_CODE(SP_SHAPE, (SingleNode{"Abs", {floats({0, std::int64_t{1} << 40, std::int64_t{1} << 40}, {})}}.status()));
  EXPECT_CODE(SP_SHAPE, (SingleNode{"Conv",
                                    {floats({1, 4, 3, 3}, std::vector<float>(36)), floats({0, 4, 1, 1}, {})},
                                    {{"group", std::int64_t{1} << 62}}}
                             .status()));
  EXPECT_CODE(SP_SHAPE, (SingleNode{"ConvTranspose",
                                    {floats({1, 0, 3, 3}, {}), floats({0, std::int64_t{1} << 30, 1, 1}, {})},
                                    {{"group", std::int64_t{1} << 40}}}
                             .status()));
}

TEST(Hostile, AxesNamedTwice) {
  const auto line = floats({10}, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9});
  EXPECT_CODE(SP_SHAPE,
              (SingleNode{"Slice", {line, longs({2}, {9, 9}), longs({2}, {10, 10}), longs({2}, {0, 0})}}.status()));
  EXPECT_CODE(SP_SHAPE,
              (SingleNode{"Slice", {line, longs({2}, {9, 9}), longs({2}, {10, 10}), longs({2}, {0, -1})}}.status()));
  EXPECT_CODE(SP_SHAPE, (SingleNode{"Slice",
                                    {line},
                                    {{"starts", Extents{9, 9}}, {"ends", Extents{10, 10}}, {"axes", Extents{0, 0}}},
                                    {OnnxType::kFloat},
                                    9}
                             .status()));
  EXPECT_CODE(SP_SHAPE, (SingleNode{"Pad", {line, longs({4}, {1, 1, 1, 1}), absent(), longs({2}, {0, -1})}}.status()));
}

TEST(Hostile, ResizeOfAnAxisWithoutElements) {
  for (const char* mode : {"nearest", "linear"}) {
    const Attributes attributes = {{"mode", mode}};
    EXPECT_CODE(
        SP_SHAPE,
        (SingleNode{"Resize", {floats({1, 0}, {}), absent(), absent(), longs({2}, {1, 4})}, attributes}.status()))
        << mode;
    EXPECT_CODE(
        SP_SHAPE,
        (SingleNode{"Resize", {floats({0, 3}, {}), absent(), absent(), longs({2}, {2, 3})}, attributes}.status()))
        << mode;
    EXPECT_CODE(SP_SHAPE,
                (SingleNode{"Resize", {floats({1, 0}, {}), absent(), floats({2}, {1, INFINITY})}, attributes}.status()))
        << mode;
  }
}

TEST(Hostile, AttributesOutOfRange) {
  const auto image = random_tensor({1, 2, 5, 5}, 1), kernel = random_tensor({2, 2, 3, 3}, 2);
  const std::int64_t huge = std::int64_t{1} << 62;
  for (const Attribute& attribute :
       {Attribute("strides", Extents{0, 1}), Attribute("strides", Extents{-1, 1}),
        Attribute("dilations", Extents{huge, huge}), Attribute("pads", Extents{huge, huge, huge, huge}),
        Attribute("pads", Extents{-1, 0, 0, 0}), Attribute("pads", Extents{1}), Attribute("group", 0),
        Attribute("group", 7), Attribute("group", huge), Attribute("auto_pad", "SIDEWAYS")}) {
    EXPECT_CODE(SP_SHAPE, (SingleNode{"Conv", {image, kernel}, {attribute}}.status())) << attribute.name;
  }
  EXPECT_CODE(SP_SHAPE, (SingleNode{"MaxPool", {image}, {{"kernel_shape", Extents{9, 9}}}}.status()));
  EXPECT_CODE(SP_SHAPE, (SingleNode{"MaxPool", {image}}.status())) << "no kernel_shape";
  EXPECT_CODE(SP_SHAPE, (SingleNode{"Softmax", {image}, {{"axis", 4}}}.status()));
  EXPECT_CODE(SP_SHAPE, (SingleNode{"Concat", {image, image}, {{"axis", -5}}}.status()));
  EXPECT_CODE(SP_SHAPE, (SingleNode{"Transpose", {image}, {{"perm", Extents{0, 0, 1, 2}}}}.status()));
  EXPECT_CODE(SP_SHAPE, (SingleNode{"Flatten", {image}, {{"axis", 5}}}.status()));
}

TEST(Hostile, IndicesOutOfRange) {
  const auto data = floats({3}, {1, 2, 3});
  EXPECT_CODE(SP_SHAPE, (SingleNode{"Gather", {data, longs({1}, {3})}}.status()));
  EXPECT_CODE(SP_SHAPE, (SingleNode{"Gather", {data, longs({1}, {-4})}}.status()));
  EXPECT_CODE(SP_SHAPE, (SingleNode{"GatherElements", {data, longs({1}, {3})}}.status()));
  EXPECT_CODE(SP_SHAPE,
              (SingleNode{"TopK", {data, longs({1}, {4})}, {}, {OnnxType::kFloat, OnnxType::kInt64}}.status()));
  EXPECT_CODE(SP_SHAPE,
              (SingleNode{"Split", {data, longs({2}, {2, 2})}, {}, {OnnxType::kFloat, OnnxType::kFloat}}.status()));
  EXPECT_CODE(
      SP_SHAPE,
      (SingleNode{"Slice", {data, longs({1}, {0}), longs({1}, {2}), longs({1}, {0}), longs({1}, {0})}}.status()))
      << "step 0";
  EXPECT_CODE(SP_SHAPE, (SingleNode{"Div", {longs({1}, {1}), longs({1}, {0})}, {}, {OnnxType::kInt64}}.status()));
}

TEST(Hostile, OperandsThatDoNotFit) {
  EXPECT_CODE(SP_SHAPE, (SingleNode{"Add", {random_tensor({3}, 1), random_tensor({4}, 1)}}.status()));
  EXPECT_CODE(SP_SHAPE, (SingleNode{"Add", {random_tensor({3}, 1), longs({3}, {1, 2, 3})}}.status()));
  EXPECT_CODE(SP_SHAPE, (SingleNode{"MatMul", {random_tensor({2, 3}, 1), random_tensor({4, 2}, 1)}}.status()));
  EXPECT_CODE(SP_SHAPE, (SingleNode{"MatMul", {floats({}, {1}), floats({}, {1})}}.status()));
  EXPECT_CODE(
      SP_SHAPE,
      (SingleNode{"Gemm", {random_tensor({2, 3}, 1), random_tensor({3, 2}, 1), random_tensor({3}, 1)}}.status()));
  EXPECT_CODE(SP_INVALID, (SingleNode{"Add", {random_tensor({3}, 1)}}.status())) << "too few inputs, seen at load";
  EXPECT_CODE(SP_INVALID, (SingleNode{"Abs", {random_tensor({3}, 1)}, {}, {OnnxType::kInt64}}.status()))
      << "another dtype than declared";
}

TEST(Hostile, ExternalDataThroughALink) {
  const auto path = save(models::external_data(), "linked");
  const auto weights = path.parent_path() / "weights.bin", secret = suite().folder / "elsewhere.bin";
  std::filesystem::rename(weights, secret);
  std::filesystem::create_symlink(secret, weights);
  Model model;
  EXPECT_CODE(SP_INVALID, tested().load(path, {}, model));
}

TEST(Hostile, ExternalDataBeyondTheFile) {
  const auto path = save(models::external_data(), "beyond");
  for (const auto& [offset, length] :
       {std::pair<std::uint64_t, std::uint64_t>{UINT64_MAX - 3, 8}, {1U << 30U, 8}, {0, 1U << 30U}}) {
    OnnxWriter writer;
    writer.input("x", OnnxType::kFloat, {2}).output("y", OnnxType::kFloat, {2});
    writer.external_reference("w", OnnxType::kFloat, {2}, "weights.bin", offset, length).node("Add", {"x", "w"}, {"y"});
    Model model;
    EXPECT_CODE(SP_INVALID, tested().load(writer.save(path.parent_path() / "beyond.onnx"), {}, model))
        << offset << " " << length;
  }
}

TEST(Hostile, APipeDoesNotBlock) {
  const auto path = suite().folder / "pipe.onnx";
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  Model model;
  EXPECT_CODE(SP_INVALID, tested().load(path, {}, model));
}

}  // namespace
}  // namespace speedster::reference_test
