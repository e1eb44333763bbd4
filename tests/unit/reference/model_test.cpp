/// Loading: entries, order of nodes, optional inputs, what is reported missing.
#include <cstddef>

#include "unit/reference/single_node.h"

namespace speedster::reference_test {
namespace {

namespace models = testing::models;

/// a → b = a + 1 → c = 2 b; d = -other.
OnnxWriter branches() {
  OnnxWriter writer;
  writer.input("a", OnnxType::kFloat, {2}).input("other", OnnxType::kFloat, {2});
  writer.output("c", OnnxType::kFloat, {2})
      .output("d", OnnxType::kFloat, {2})
      .initializer<float>("one", {}, {1})
      .initializer<float>("two", {}, {2});
  return writer.node("Add", {"a", "one"}, {"b"}).node("Mul", {"b", "two"}, {"c"}).node("Neg", {"other"}, {"d"});
}

TEST(Entries, RunWhatTheirOutputsNeed) {
  Model model;
  ASSERT_OK(tested().load(save(branches(), "branches"), {{"entries", "main;left=c;right=d"}}, model));
  const sp_backend& table = tested().table();
  EXPECT_STREQ(table.entry(model.get(), 1), "left");
  EXPECT_STREQ(table.entry(model.get(), 2), "right");
  EXPECT_EQ(table.entry(model.get(), 3), nullptr);
  EXPECT_EQ(model.signature(0).inputs, 2U);
  ASSERT_EQ(model.signature(1).inputs, 1U);
  EXPECT_STREQ(model.signature(1).input[0]->name, "a");
  Context left;
  ASSERT_OK(left.open(model, 1));
  std::vector<HostTensor> inputs = {floats({2}, {1, 2})}, outputs;
  ASSERT_OK(left.run(inputs, outputs));
  ASSERT_EQ(outputs.size(), 1U);
  EXPECT_TENSOR(outputs[0], floats({2}, {4, 6}));
}

TEST(Entries, MustNameOutputs) {
  const auto path = save(branches(), "branches");
  for (const char* entries : {"", "left", "main;main", "main;=c", "main;left=b", "main;left=c;left=d", "main;left="}) {
    Model model;
    EXPECT_CODE(SP_INVALID, tested().load(path, {{"entries", entries}}, model)) << entries;
  }
}

TEST(Load, NamesEveryMissingOperatorAtOnce) {
  OnnxWriter writer;
  writer.domain("example.invalid", 1).input("x", OnnxType::kFloat, {2}).output("y", OnnxType::kFloat, {2});
  writer.node("Frobnicate", {"x"}, {"f"}, {}, {}, "example.invalid")
      .node("LSTM", {"f"}, {"l"})
      .node("Abs", {"l"}, {"y"});
  Model model;
  const Status status = tested().load(save(writer, "missing"), {}, model);
  EXPECT_EQ(status.code, SP_UNSUPPORTED);
  EXPECT_NE(status.message.find("LSTM, example.invalid.Frobnicate"), std::string::npos) << status;
}

TEST(Load, ValuesAreDefinedOnce) {
  OnnxWriter writer;
  writer.input("x", OnnxType::kFloat, {2})
      .output("y", OnnxType::kFloat, {2})
      .node("Abs", {"x"}, {"y"})
      .node("Neg", {"x"}, {"y"});
  Model model;
  EXPECT_CODE(SP_INVALID, tested().load(save(writer, "twice"), {}, model));
}

TEST(Load, AnOutputMayBeAnInputOrAConstant) {
  OnnxWriter writer;
  writer.input("x", OnnxType::kFloat, {2})
      .output("x", OnnxType::kFloat, {2})
      .output("k", OnnxType::kFloat, {1})
      .initializer<float>("k", {1}, {5});
  Model model;
  ASSERT_OK(tested().load(save(writer, "through"), {}, model));
  Context context;
  ASSERT_OK(context.open(model));
  std::vector<HostTensor> inputs = {floats({2}, {1, 2})}, outputs;
  ASSERT_OK(context.run(inputs, outputs));
  EXPECT_TENSOR(outputs[0], floats({2}, {1, 2}));
  EXPECT_TENSOR(outputs[1], floats({1}, {5}));
}

TEST(Load, MemoryThatIsNotAligned) {
  Model model;
  ASSERT_OK(tested().load(save(models::mlp(), "mlp"), {}, model));
  Context context;
  ASSERT_OK(context.open(model));
  HostTensor input = random_tensor({1, 16}, 1), plain, shifted;
  ASSERT_OK(context.bind_input(0, input));
  ASSERT_OK(context.execute());
  ASSERT_OK(context.output(0, plain));
  std::vector<std::byte> memory(65);
  std::memcpy(memory.data() + 1, input.bytes.data(), 64);
  DLTensor view = input.view();
  view.data = memory.data() + 1;
  ASSERT_OK(take(tested().table().bind_input(context.get(), 0, &view)));
  ASSERT_OK(context.execute());
  ASSERT_OK(context.output(0, shifted));
  EXPECT_TENSOR(shifted, plain);
}

TEST(Load, StructsOfAnOlderCallerAreRead) {
  Model model;
  ASSERT_OK(tested().load(save(models::mlp(), "mlp"), {}, model));
  Context context;
  ASSERT_OK(context.open(model));
  HostTensor input = random_tensor({1, 16}, 1);
  ASSERT_OK(context.bind_input(0, input));
  sp_run run{};  // its size ends before the token, which is rubbish
  run.size = offsetof(sp_run, token);
  run.token = reinterpret_cast<const sp_token*>(0x10);
  EXPECT_OK(take(tested().table().execute(context.get(), &run)));
}

TEST(Compile, ExternalDataInAFolderBelow) {
  const auto folder = suite().folder / "below";
  std::filesystem::create_directories(folder / "data");
  models::mlp(1, "data/weights.bin").save(folder / "model.onnx");
  conformance::Text text;
  const auto target = suite().folder / "below_artifact";
  ASSERT_OK(take(tested().table().compile(tested().get(), (folder / "model.onnx").c_str(), "onnx", nullptr,
                                          target.c_str(), nullptr, text.sink())));
  EXPECT_EQ(text.json()["files"], (conformance::Json{"model.onnx", "data/weights.bin"}));
  Model model;
  EXPECT_OK(tested().load(target / "model.onnx", {}, model));
}

}  // namespace
}  // namespace speedster::reference_test
