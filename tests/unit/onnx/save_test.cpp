#include <gtest/gtest.h>
#include <onnx-ml.pb.h>

#include <algorithm>
#include <optional>

#include "base/files.h"
#include "onnx/model.h"
#include "support/models.h"
#include "support/reference_runner.h"

namespace speedster::onnx_model {
namespace {

using namespace speedster::testing;

class Save : public ::testing::Test {
 protected:
  void SetUp() override {
    auto made = TempDir::create("onnx");
    ASSERT_TRUE(made.ok());
    folder_.emplace(std::move(*made));
  }
  const fs::path& root() const { return folder_->path(); }
  static std::vector<float> outputs(const fs::path& file) {
    std::vector<Tensor> inputs;
    inputs.push_back(Tensor::from<float>(DType::kFloat32, {2, 16}, std::span<const float>(uniform(32, 9))));
    const std::vector<Tensor> outputs = ReferenceRunner(file).run(inputs);
    const auto values = outputs.at(0).as<float>();
    return {values.begin(), values.end()};
  }

 private:
  std::optional<TempDir> folder_;
};

TEST_F(Save, InlineAndExternalFormsAreTheSameModel) {
  const fs::path source = models::mlp().save(root() / "source.onnx");
  const OnnxModel model = value_or_throw(OnnxModel::read(source));
  ok_or_throw(model.save(root() / "inline.onnx"));
  ok_or_throw(model.save(root() / "external.onnx", 0));
  EXPECT_FALSE(fs::exists(root() / "inline.onnx.data"));
  EXPECT_TRUE(fs::exists(root() / "external.onnx.data"));
  for (const char* name : {"inline.onnx", "external.onnx"}) {
    EXPECT_EQ(value_or_throw(OnnxModel::read(root() / name)).digest().value(), model.digest().value()) << name;
    EXPECT_EQ(outputs(root() / name), outputs(source)) << name;
  }
  EXPECT_LT(fs::file_size(root() / "external.onnx"), 2048U) << "small tensors alone stay in the proto";
}

TEST_F(Save, WhatWasMadeWhileEditingLiesOutsideAndIsSavedWithTheRest) {
  OnnxModel model;
  Tensor large(DType::kFloat32, {512, 1024}), small(DType::kInt64, {2, 3});
  for (std::size_t i = 0; i < large.as<float>().size(); ++i) large.as<float>()[i] = static_cast<float>(i);
  std::ranges::fill(small.as<std::int64_t>(), 7);
  auto& initializers = *model.proto().mutable_graph()->mutable_initializer();
  for (const auto& [name, values] : {std::pair<const char*, const Tensor*>("large", &large), {"small", &small}}) {
    initializers.Add()->set_name(name);
    model.set_values(initializers[initializers.size() - 1], *values);
  }
  EXPECT_LT(model.proto().ByteSizeLong(), 1024U) << "large values are not held in memory";
  const OnnxModel copy = model.clone();
  // Other values, while the copy keeps those that it has.
  large.as<float>()[5] = -1;
  model.set_values(initializers[0], large);
  for (const std::uint64_t limit : {std::uint64_t{1} << 30U, std::uint64_t{0}}) {
    ok_or_throw(model.save(root() / "model.onnx", limit));
    ok_or_throw(copy.save(root() / "copy.onnx", limit));
    for (const auto& [name, fifth] : {std::pair("model.onnx", -1.0F), {"copy.onnx", 5.0F}}) {
      const OnnxModel read = value_or_throw(OnnxModel::read(root() / name));
      const auto& stored = read.proto().graph().initializer();
      const Tensor values = value_or_throw(read.initializer(stored[0]));
      EXPECT_EQ(values.shape(), large.shape());
      EXPECT_EQ(values.as<float>()[5], fifth) << name;
      EXPECT_EQ(values.as<float>()[512 * 1024 - 1], 512 * 1024 - 1);
      EXPECT_EQ(value_or_throw(read.initializer(stored[1])).as<std::int64_t>()[5], 7);
      EXPECT_EQ(read.digest().value(), (fifth < 0 ? model : copy).digest().value());
    }
  }
}

TEST_F(Save, ExternalDataComesBackInline) {
  const OnnxModel model = value_or_throw(OnnxModel::read(models::external_data().save(root() / "source.onnx")));
  ok_or_throw(model.save(root() / "inline.onnx"));
  fs::remove(root() / "weights.bin");
  EXPECT_EQ(outputs(root() / "inline.onnx").size(), 8U);
}

/// OpenVINO looks at no more than the first three fields of a file, and wants three kinds: these are ir_version, graph,
/// opset_import.
TEST_F(Save, TheFirstFieldsTellThatItIsOnnx) {
  models::mlp().anonymous().domain("com.microsoft", 1).save(root() / "source.onnx");
  ok_or_throw(value_or_throw(OnnxModel::read(root() / "source.onnx")).save(root() / "inline.onnx"));
  const std::string saved = value_or_throw(read_file(root() / "inline.onnx", 1U << 20U));
  ::onnx::ModelProto proto;
  ASSERT_TRUE(proto.ParseFromString(saved));
  EXPECT_EQ(proto.opset_import_size(), 2);
  EXPECT_EQ(saved.substr(0, 3), std::string("\x08\x08\x3a")) << "the graph is next to ir_version";
}

TEST_F(Save, OverTheFileThatWasRead) {
  const fs::path path = models::mlp().save(root() / "model.onnx");
  const std::vector<float> before = outputs(path);
  const OnnxModel model = value_or_throw(OnnxModel::read(path));
  ok_or_throw(model.save(path));
  EXPECT_EQ(outputs(path), before);
  EXPECT_TRUE(model.digest().ok()) << "the old file is still held";
  EXPECT_EQ(std::distance(fs::directory_iterator(root()), {}), 1) << "a temporary file was left behind";
}

TEST_F(Save, LargeConstantsInNodesAreKept) {
  OnnxWriter m;
  m.input("x", OnnxType::kFloat, {"n", 16}).output("y", OnnxType::kFloat, {"n", 32});
  m.node("Constant", {}, {"w"}, {{"value", tensor_data<float>({16, 32}, uniform(512, 4))}})
      .node("MatMul", {"x", "w"}, {"y"});
  const fs::path source = m.save(root() / "source.onnx");
  const OnnxModel model = value_or_throw(OnnxModel::read(source));
  ok_or_throw(model.save(root() / "inline.onnx"));
  EXPECT_EQ(outputs(root() / "inline.onnx"), outputs(source));
  ok_or_throw(model.save(root() / "external.onnx", 0));
  EXPECT_EQ(value_or_throw(OnnxModel::read(root() / "external.onnx")).digest().value(), model.digest().value());
}

TEST_F(Save, LargeSparseInitializersAreKept) {
  ::onnx::ModelProto proto;
  ASSERT_TRUE(proto.ParseFromString(value_or_throw(read_file(models::mlp().save(root() / "dense.onnx"), 1U << 20U))));
  ::onnx::SparseTensorProto& sparse = *proto.mutable_graph()->add_sparse_initializer();
  sparse.add_dims(4096);
  ::onnx::TensorProto& values = *sparse.mutable_values();
  values.set_name("sparse");
  values.set_data_type(::onnx::TensorProto::FLOAT);
  values.add_dims(512);
  values.set_raw_data(std::string(2048, 'v'));
  ::onnx::TensorProto& indices = *sparse.mutable_indices();
  indices.set_data_type(::onnx::TensorProto::INT64);
  indices.add_dims(512);
  indices.set_raw_data(std::string(4096, '\0'));
  ok_or_throw(write_file(root() / "source.onnx", proto.SerializeAsString()));

  const OnnxModel model = value_or_throw(OnnxModel::read(root() / "source.onnx"));
  ok_or_throw(model.save(root() / "inline.onnx"));
  ::onnx::ModelProto saved;
  ASSERT_TRUE(saved.ParseFromString(value_or_throw(read_file(root() / "inline.onnx", 1U << 20U))));
  ASSERT_EQ(saved.graph().sparse_initializer_size(), 1);
  EXPECT_EQ(saved.graph().sparse_initializer(0).SerializeAsString(), sparse.SerializeAsString());
}

TEST_F(Save, WhereItCannotBeWrittenNothingIsLost) {
  const OnnxModel model = parsed(models::mlp());
  EXPECT_EQ(model.save(root() / "no" / "folder.onnx").error().kind(), ErrorKind::kNotFound);
  fs::create_directory(root() / "taken.onnx");
  OnnxWriter::write(root() / "taken.onnx" / "file", "kept");
  EXPECT_FALSE(model.save(root() / "taken.onnx").ok());
  EXPECT_EQ(read_file(root() / "taken.onnx" / "file").value(), "kept");
}

TEST_F(Save, MissingExternalDataFailsAndLeavesTheTargetAlone) {
  const OnnxModel model = value_or_throw(OnnxModel::read(models::external_data().save(root() / "source.onnx")));
  fs::remove(root() / "weights.bin");
  OnnxWriter::write(root() / "target.onnx", "kept");
  EXPECT_EQ(model.save(root() / "target.onnx").error().kind(), ErrorKind::kBadInput);
  EXPECT_EQ(read_file(root() / "target.onnx").value(), "kept");
}

}  // namespace
}  // namespace speedster::onnx_model
