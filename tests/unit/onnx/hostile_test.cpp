/// Files that are no models, or mean harm: each gives one clear message, and nothing large is allocated.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <onnx-ml.pb.h>

#include <optional>

#include "base/files.h"
#include "onnx/model.h"
#include "support/models.h"

namespace speedster::onnx_model {
namespace {

using speedster::testing::Extents;
using speedster::testing::OnnxType;
using speedster::testing::OnnxWriter;
using speedster::testing::WireWriter;
using ::testing::HasSubstr;

Result<OnnxModel> read_bytes(std::string_view bytes) {
  return OnnxModel::read_from_memory(std::as_bytes(std::span(bytes)));
}

class Hostile : public ::testing::Test {
 protected:
  void SetUp() override {
    auto made = TempDir::create("onnx");
    ASSERT_TRUE(made.ok());
    folder_.emplace(std::move(*made));
  }
  fs::path file(const std::string& name, std::string_view content) const {
    const fs::path path = folder_->path() / name;
    OnnxWriter::write(path, content);
    return path;
  }
  const fs::path& root() const { return folder_->path(); }

 private:
  std::optional<TempDir> folder_;
};

void expect_refused(const Result<OnnxModel>& result, const std::string& what, ErrorKind kind = ErrorKind::kBadInput) {
  ASSERT_FALSE(result.ok()) << what;
  EXPECT_EQ(result.error().kind(), kind) << result.error().full_message();
  EXPECT_THAT(result.error().full_message(), HasSubstr(what));
}

TEST_F(Hostile, WhatIsNoModelIsNamed) {
  expect_refused(OnnxModel::read(root() / "none.onnx"), "none.onnx", ErrorKind::kNotFound);
  expect_refused(OnnxModel::read(root()), "the folder");
  expect_refused(OnnxModel::read(file("empty.onnx", "")), "an empty file");
  expect_refused(OnnxModel::read(file("page.onnx", "<!DOCTYPE html><html>")), "HTML");
  expect_refused(OnnxModel::read(file("a.onnx", std::string("PK\x03\x04zip", 7))), "zip archive");
  expect_refused(OnnxModel::read(file("lfs.onnx", "version https://git-lfs.github.com/spec/v1\noid …")),
                 "git lfs pull");
  expect_refused(OnnxModel::read(file("text.onnx", "this is a text and no model")), "text.onnx");
  expect_refused(OnnxModel::read(file("keras.onnx", "\x89HDF\r\n\x1a\n")), "Keras");
}

TEST_F(Hostile, AModelMayBeginAsAnotherFormatDoes) {
  OnnxModel model;
  model.proto().set_producer_name("TFL3");  // behind the version, where TFLite has the same four letters
  ASSERT_TRUE(model.save(root() / "made.onnx").ok());
  EXPECT_TRUE(OnnxModel::read(root() / "made.onnx").ok());
  expect_refused(OnnxModel::read(file("model.tflite", std::string("\x1c\0\0\0TFL3\x14\0\x20\0", 12))), "TFLite");
}

TEST_F(Hostile, EveryTruncationIsRefused) {
  const std::string whole = testing::models::small_cnn().bytes();
  ASSERT_TRUE(read_bytes(whole).ok());
  // The opset comes after the graph in these files: without its last byte the model is no longer whole.
  for (std::size_t size = 0; size < whole.size(); size += 7)
    EXPECT_FALSE(read_bytes(std::string_view(whole).substr(0, size)).ok()) << size;
  expect_refused(read_bytes(std::string_view(whole).substr(0, whole.size() / 2)), "truncated");
}

TEST_F(Hostile, AFlippedByteNeverCrashes) {
  std::string bytes = testing::models::mlp().bytes();
  std::size_t accepted = 0;
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    const char kept = bytes[at];
    bytes[at] = static_cast<char>(kept ^ 0x55);
    if (auto model = read_bytes(bytes)) {
      ++accepted;
      (void)model->signature();
      (void)model->digest();
    }
    bytes[at] = kept;
  }
  EXPECT_GT(accepted, 0U) << "bytes of weights may be anything";
}

TEST_F(Hostile, HugeClaimsAllocateNothing) {
  // A raw field of 2^62 bytes in a file of a few.
  expect_refused(read_bytes(std::string("\x08\x08\x3a\x90\x90\x90\x90\x90\x90\x90\x90\x40", 12)), "truncated");
  // A tensor that claims 2^40 elements and brings four bytes.
  OnnxWriter huge;
  huge.initializer("w", {OnnxType::kFloat, {1 << 20, 1 << 20}, "abcd"}).output("w", OnnxType::kFloat, {});
  expect_refused(read_bytes(huge.bytes()), "4 bytes for shape");
  OnnxWriter overflow;
  overflow.initializer("w", {OnnxType::kFloat, {std::int64_t{1} << 40, std::int64_t{1} << 40}, ""})
      .output("w", OnnxType::kFloat, {});
  expect_refused(read_bytes(overflow.bytes()), "'w'");
  OnnxWriter negative;
  negative.initializer("w", {OnnxType::kFloat, {-4}, "abcd"}).output("w", OnnxType::kFloat, {});
  expect_refused(read_bytes(negative.bytes()), "'w'");
}

TEST_F(Hostile, GraphsThatContradictThemselves) {
  const auto model = [] {
    OnnxWriter m;
    m.input("x", OnnxType::kFloat, {1}).output("y", OnnxType::kFloat, {1});
    return m;
  };
  expect_refused(read_bytes(model().node("Relu", {"x"}, {"y"}).node("Relu", {"x"}, {"y"}).bytes()),
                 "'y' defined a second time");
  expect_refused(read_bytes(model().node("Relu", {"nowhere"}, {"y"}).bytes()), "'nowhere', which nothing produces");
  expect_refused(read_bytes(model().bytes()), "output 'y'");
  expect_refused(
      read_bytes(
          model().node("Add", {"x", "b"}, {"a"}).node("Add", {"x", "a"}, {"b"}).node("Relu", {"b"}, {"y"}).bytes()),
      "without cycles");
  expect_refused(read_bytes(model().node("", {"x"}, {"y"}).bytes()), "no operator");
  expect_refused(read_bytes(model().node("Relu", {"x"}, {"y"}).node("Constant", {}, {}).bytes()), "with no output");
  expect_refused(read_bytes(model().input("x", OnnxType::kFloat, {1}).node("Relu", {"x"}, {"y"}).bytes()),
                 "input 'x' twice");
  expect_refused(read_bytes(model().output("y", OnnxType::kFloat, {1}).node("Relu", {"x"}, {"y"}).bytes()),
                 "output 'y' twice");
  expect_refused(read_bytes(WireWriter().integer(1, 8).bytes()), "without an IR version or a graph");
}

TEST_F(Hostile, NodesOutOfOrderAreNoCycle) {
  OnnxWriter m;
  m.input("x", OnnxType::kFloat, {1}).output("y", OnnxType::kFloat, {1});
  m.node("Relu", {"a"}, {"y"}).node("Neg", {"x"}, {"a"});
  EXPECT_TRUE(read_bytes(m.bytes()).ok());
}

TEST_F(Hostile, ExternalDataStaysInTheFolder) {
  OnnxWriter::write(root() / "secret", std::string(64, 's'));
  fs::create_directory(root() / "model");
  const auto with = [&](const std::string& location, std::uint64_t offset, std::uint64_t length) {
    OnnxWriter m;
    m.external_reference("w", OnnxType::kFloat, {4}, location, offset, length).output("w", OnnxType::kFloat, {4});
    return m.save(root() / "model" / "model.onnx");
  };
  expect_refused(OnnxModel::read(with("none.bin", 0, 16)), "none.bin");
  expect_refused(OnnxModel::read(with("../secret", 0, 16)), "in the model's folder");
  expect_refused(OnnxModel::read(with("/etc/hostname", 0, 16)), "in the model's folder");
  fs::create_symlink(root() / "secret", root() / "model" / "link");
  expect_refused(OnnxModel::read(with("link", 0, 16)), "symbolic link");
  OnnxWriter::write(root() / "model" / "w.bin", std::string(16, 'w'));
  EXPECT_TRUE(OnnxModel::read(with("w.bin", 0, 16)).ok());
  EXPECT_TRUE(OnnxModel::read(with("./w.bin", 0, 16)).ok());
  expect_refused(OnnxModel::read(with("w.bin", 8, 16)), "ends at 16");
  expect_refused(OnnxModel::read(with("w.bin", std::uint64_t{1} << 63U, 16)), "w.bin");
  expect_refused(OnnxModel::read(with("w.bin", 0, 12)), "12 bytes for 16");
  fs::create_directory(root() / "model" / "folder");
  expect_refused(OnnxModel::read(with("folder", 0, 16)), "folder");
  const std::string bytes = read_file(with("w.bin", 0, 16)).value();
  expect_refused(read_bytes(bytes), "in no folder");
}

TEST_F(Hostile, OurOwnMarksAreNotTakenFromAFile) {
  for (const char* mark : {"speedster.range", "speedster.scratch"}) {
    WireWriter tensor;
    tensor.integer(1, 4).integer(2, 1).text(8, "w").integer(14, 1);
    tensor.message(13, WireWriter().text(1, mark).text(2, "0:16"));
    const WireWriter graph = WireWriter().message(5, tensor);
    expect_refused(read_bytes(WireWriter().integer(1, 8).message(7, graph).bytes()), mark);
  }
}

TEST_F(Hostile, DeepSubgraphsAreRefused) {
  WireWriter graph;
  graph.text(2, "leaf");
  for (int depth = 0; depth < 40; ++depth) {
    const WireWriter attribute = WireWriter().text(1, "body").message(6, graph).integer(20, 5);
    graph = WireWriter().message(1, WireWriter().text(4, "Loop").message(5, attribute));
  }
  expect_refused(read_bytes(WireWriter().integer(1, 8).message(7, graph).bytes()), "nested deeper");
}

TEST_F(Hostile, AFileThatShrinksIsAnError) {
  OnnxWriter m;
  m.initializer<float>("w", {1024}, std::vector<float>(1024, 1.0F)).output("w", OnnxType::kFloat, {1024});
  const fs::path path = m.save(root() / "model.onnx");
  auto model = OnnxModel::read(path);
  ASSERT_TRUE(model.ok());
  fs::resize_file(path, 100);
  EXPECT_FALSE(model->digest().ok());
}

}  // namespace
}  // namespace speedster::onnx_model
