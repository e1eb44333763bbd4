#include "conformance/harness.h"

#include <dlfcn.h>

#include <atomic>
#include <cmath>
#include <cstdio>
#include <cstdlib>

namespace speedster::conformance {

std::string code_name(int code) {
  static constexpr const char* kNames[] = {"success",      "SP_INVALID", "SP_UNSUPPORTED", "SP_NOT_FOUND", "SP_MEMORY",
                                           "SP_CANCELLED", "SP_SHAPE",   "SP_VENDOR",      "SP_INTERNAL"};
  return code >= 0 && code <= SP_INTERNAL ? kNames[code] : "code " + std::to_string(code);
}

std::ostream& operator<<(std::ostream& out, const Status& status) {
  return out << code_name(status.code) << " " << status.message;
}

Status take(sp_error* error) {
  if (error == nullptr) return {};
  EXPECT_GE(error->size, sizeof(sp_error));
  EXPECT_GE(error->code, SP_INVALID);
  EXPECT_LE(error->code, SP_INTERNAL);
  EXPECT_NE(error->message, nullptr);
  EXPECT_NE(error->release, nullptr);
  Status status{error->code, error->message != nullptr ? error->message : ""};
  EXPECT_EQ(status.message.rfind('[', 0), 0U) << "expected a message that starts with [who], got " << status.message;
  if (error->release != nullptr) error->release(error);
  return status;
}

::testing::AssertionResult succeeds(const Status& status) {
  if (status.ok()) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << "expected success, got " << status;
}

::testing::AssertionResult fails_with(int code, const Status& status) {
  if (!status.ok() && status.code == code && !status.message.empty()) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << "expected " << code_name(code) << " with a message, got " << status;
}

OptionList::OptionList(const Options& options) : values_(options) {
  for (const auto& [key, value] : values_) items_.push_back({key.c_str(), value.c_str()});
  list_ = {items_.data(), items_.size()};
}

std::int64_t HostTensor::count() const {
  std::int64_t count = 1;
  for (const std::int64_t extent : shape) count *= extent;
  return count;
}

DLTensor HostTensor::view() {
  strides_.assign(shape.size(), 1);
  for (std::size_t i = shape.size(); i-- > 1;) strides_[i - 1] = strides_[i] * std::max<std::int64_t>(shape[i], 1);
  return {bytes.empty() ? nullptr : bytes.data(),
          {kDLCPU, 0},
          static_cast<std::int32_t>(shape.size()),
          dtype,
          shape.empty() ? nullptr : shape.data(),
          strides_.data(),
          0};
}

HostTensor random_tensor(const Extents& shape, std::uint64_t seed) {
  std::size_t count = 1;
  for (const std::int64_t extent : shape) count *= static_cast<std::size_t>(extent);
  return tensor<float>(shape, testing::uniform(count, seed));
}

HostTensor copy_of(const DLTensor& view) {
  HostTensor copy(view.dtype, Extents(view.shape, view.shape + view.ndim), 0);
  copy.bytes.resize((static_cast<std::size_t>(copy.count()) * view.dtype.bits + 7) / 8);
  if (!copy.bytes.empty())
    std::memcpy(copy.bytes.data(), static_cast<const std::byte*>(view.data) + view.byte_offset, copy.bytes.size());
  return copy;
}

std::string describe(const HostTensor& tensor) {
  std::string text = "code " + std::to_string(tensor.dtype.code) + " bits " + std::to_string(tensor.dtype.bits) + " [";
  for (const std::int64_t extent : tensor.shape) text += std::to_string(extent) + ",";
  return text + "]";
}

namespace {

double element(const HostTensor& tensor, std::int64_t i) {
  switch (tensor.dtype.code) {
    case kDLFloat: return tensor.dtype.bits == 64 ? tensor.as<double>()[i] : tensor.as<float>()[i];
    case kDLInt:
      return static_cast<double>(tensor.dtype.bits == 64   ? tensor.as<std::int64_t>()[i]
                                 : tensor.dtype.bits == 32 ? tensor.as<std::int32_t>()[i]
                                                           : tensor.as<std::int8_t>()[i]);
    default: return tensor.as<std::uint8_t>()[i];
  }
}

}  // namespace

::testing::AssertionResult near(const HostTensor& actual, const HostTensor& expected, double absolute,
                                double relative) {
  if (describe(actual) != describe(expected))
    return ::testing::AssertionFailure() << "expected " << describe(expected) << ", got " << describe(actual);
  for (std::int64_t i = 0; i < expected.count(); ++i) {
    const double a = element(actual, i), e = element(expected, i);
    if (!(std::fabs(a - e) <= absolute + relative * std::fabs(e)) && !(std::isnan(a) && std::isnan(e)))
      return ::testing::AssertionFailure() << "element " << i << ": expected " << e << ", got " << a << " (tolerance "
                                           << absolute << " + " << relative << " * |expected|)";
  }
  return ::testing::AssertionSuccess();
}

namespace {

[[noreturn]] void give_up(const std::filesystem::path& plugin, const std::string& why) {
  std::fprintf(stderr, "[conformance] expected a plug-in at %s, got %s\n", plugin.c_str(), why.c_str());
  std::exit(1);
}

}  // namespace

const sp_backend* open_plugin(const std::filesystem::path& plugin) {
  void* library = ::dlopen(plugin.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) give_up(plugin, ::dlerror());
  const auto entry = reinterpret_cast<const sp_backend* (*)()>(::dlsym(library, "speedster_backend_v1"));
  if (entry == nullptr) give_up(plugin, "no symbol speedster_backend_v1");
  return entry();
}

Json describe_plugin(const std::filesystem::path& plugin) {
  Text text;
  if (const Status status = take(open_plugin(plugin)->describe(text.sink())); !status.ok())
    give_up(plugin, status.message);
  Json description = text.json();
  if (!description.is_object() || !description["options"].is_object())
    give_up(plugin, "a description that is no JSON: " + text.text());
  return description;
}

Instance::Instance(const std::filesystem::path& plugin, const Options& options)
    : table_(open_plugin(plugin)), description_(describe_plugin(plugin)) {
  host_ = {sizeof(sp_host), this, [](void* self, int, const char*) { ++static_cast<Instance*>(self)->log_lines_; }};
  if (const Status status = take(table_->open(&host_, OptionList(options).get(), &instance_)); !status.ok())
    give_up(plugin, status.message);
}

Instance::~Instance() { table_->close(instance_); }

Status Instance::load(const std::filesystem::path& path, const Options& options, Model& model,
                      const sp_token* token) const {
  model.close();
  model.table_ = table_;
  return take(table_->load(instance_, path.c_str(), OptionList(options).get(), token, &model.model_));
}

void Model::close() {
  if (model_ != nullptr) table_->close_model(model_);
  model_ = nullptr;
}

Json Model::stats() const {
  Text text;
  EXPECT_OK(take(table_->stats(model_, text.sink())));
  return text.json();
}

Status Context::open(const Model& model, std::uint32_t entry, const Options& options) {
  close();
  table_ = &model.table();
  const Status status = take(table_->open_context(model.get(), entry, OptionList(options).get(), &context_));
  if (status.ok()) outputs_ = model.signature(entry).outputs;
  return status;
}

void Context::close() {
  if (context_ != nullptr) table_->close_context(context_);
  context_ = nullptr;
}

Status Context::bind_input(std::uint32_t index, HostTensor& input) {
  const DLTensor view = input.view();
  return take(table_->bind_input(context_, index, &view));
}

Status Context::bind_output(std::uint32_t index, HostTensor& output) {
  const DLTensor view = output.view();
  return take(table_->bind_output(context_, index, &view, output.bytes.size()));
}

Status Context::execute(const sp_token* token) {
  sp_run run{};
  run.size = sizeof(run);
  run.token = token;
  return take(table_->execute(context_, token != nullptr ? &run : nullptr));
}

Status Context::output(std::uint32_t index, HostTensor& result, bool* in_bound_memory) {
  DLTensor view{};
  int bound = -1;
  Status status = take(table_->output(context_, index, &view, &bound));
  if (!status.ok()) return status;
  EXPECT_TRUE(bound == 0 || bound == 1) << "expected in_bound_memory to be 0 or 1, got " << bound;
  EXPECT_TRUE(view.ndim == 0 || view.shape != nullptr);
  EXPECT_TRUE(view.ndim == 0 || view.strides != nullptr) << "expected strides to be set";
  result = copy_of(view);
  if (in_bound_memory != nullptr) *in_bound_memory = bound == 1;
  return status;
}

Status Context::run(std::vector<HostTensor>& inputs, std::vector<HostTensor>& outputs) {
  for (std::uint32_t i = 0; i < inputs.size(); ++i) {
    if (Status status = bind_input(i, inputs[i]); !status.ok()) return status;
  }
  if (Status status = execute(); !status.ok()) return status;
  outputs.resize(outputs_);
  for (std::uint32_t i = 0; i < outputs_; ++i) {
    if (Status status = output(i, outputs[i]); !status.ok()) return status;
  }
  return {};
}

Suite& suite() {
  static Suite suite;
  return suite;
}

std::filesystem::path save(const testing::OnnxWriter& model, const std::string& name) {
  const auto folder = suite().folder / name;
  std::filesystem::create_directories(folder);
  return model.save(folder / "model.onnx");
}

std::vector<HostTensor> run_once(const Instance& instance, const std::filesystem::path& path,
                                 std::vector<HostTensor> inputs, const Options& options) {
  std::vector<HostTensor> outputs;
  Model model;
  EXPECT_OK(instance.load(path, options, model));
  if (model.get() == nullptr) return outputs;
  Context context;
  EXPECT_OK(context.open(model));
  if (context.get() == nullptr) return outputs;
  EXPECT_OK(context.run(inputs, outputs));
  return outputs;
}

}  // namespace speedster::conformance
