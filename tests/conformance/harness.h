/// What the tests of the suite share: the plug-in under test and the oracle behind RAII handles, tensors as values.
#pragma once
#include <gtest/gtest.h>
#include <speedster/backend.h>

#include <atomic>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "support/models.h"

namespace speedster::conformance {

using Json = nlohmann::json;
using Options = std::map<std::string, std::string>;
using Extents = std::vector<std::int64_t>;

/// An sp_error as a value; code 0 is success.
struct Status {
  int code = 0;
  std::string message;
  bool ok() const { return code == 0; }
};
/// Releases the error. Fails the test where an error has no message, no release or a code that the interface has not.
Status take(sp_error* error);
std::string code_name(int code);
std::ostream& operator<<(std::ostream& out, const Status& status);

/// Success, or a failure of the test that shows the error.
::testing::AssertionResult succeeds(const Status& status);
/// A failure with this code; code 0 never counts.
::testing::AssertionResult fails_with(int code, const Status& status);

#define EXPECT_OK(call) EXPECT_TRUE(::speedster::conformance::succeeds(call))
#define ASSERT_OK(call) ASSERT_TRUE(::speedster::conformance::succeeds(call))
#define EXPECT_CODE(code, call) EXPECT_TRUE(::speedster::conformance::fails_with(code, call))

/// Key/value strings in the form of the interface.
class OptionList {
 public:
  explicit OptionList(const Options& options);
  const sp_options* get() const { return &list_; }

 private:
  Options values_;
  std::vector<sp_kv> items_;
  sp_options list_{};
};

/// Collects what a plug-in writes.
class Text {
 public:
  Text()
      : sink_{this, [](void* self, const char* text, std::size_t size) {
                static_cast<Text*>(self)->text_.append(text, size);
              }} {}
  Text(const Text&) = delete;
  Text& operator=(const Text&) = delete;
  const sp_sink* sink() const { return &sink_; }
  const std::string& text() const { return text_; }
  /// A discarded value where it is not JSON.
  Json json() const { return Json::parse(text_, nullptr, false); }

 private:
  std::string text_;
  sp_sink sink_;
};

/// A tensor in the test's own memory.
struct HostTensor {
  DLDataType dtype{kDLFloat, 32, 1};
  Extents shape;
  std::vector<std::byte> bytes;

  HostTensor() = default;
  HostTensor(DLDataType type, Extents extents, std::size_t size)
      : dtype(type), shape(std::move(extents)), bytes(size) {}
  template <typename T>
  const T* as() const {
    return reinterpret_cast<const T*>(bytes.data());
  }
  template <typename T>
  T* as() {
    return reinterpret_cast<T*>(bytes.data());
  }
  std::int64_t count() const;
  /// A view with strides; it looks at this object's memory and shape.
  DLTensor view();

 private:
  Extents strides_;
};

template <typename T>
constexpr DLDataType dl_type() {
  if constexpr (std::is_same_v<T, bool>)
    return {kDLBool, 8, 1};
  else if constexpr (std::is_floating_point_v<T>)
    return {kDLFloat, sizeof(T) * 8, 1};
  else
    return {std::is_signed_v<T> ? static_cast<std::uint8_t>(kDLInt) : static_cast<std::uint8_t>(kDLUInt), sizeof(T) * 8,
            1};
}
template <typename T>
HostTensor tensor(Extents shape, const std::vector<T>& values) {
  HostTensor result(dl_type<T>(), std::move(shape), values.size() * sizeof(T));
  if (!values.empty()) std::memcpy(result.bytes.data(), values.data(), result.bytes.size());
  return result;
}
/// Deterministic numbers in [-1, 1).
HostTensor random_tensor(const Extents& shape, std::uint64_t seed);
/// The bytes that a view shows.
HostTensor copy_of(const DLTensor& view);
std::string describe(const HostTensor& tensor);

/// Equal dtype and shape, and elements within absolute + relative * |expected|. Prints the first difference.
::testing::AssertionResult near(const HostTensor& actual, const HostTensor& expected, double absolute, double relative);

class Model;
class Context;

/// Maps a plug-in and returns its table; exits the program with a message where that is not possible.
const sp_backend* open_plugin(const std::filesystem::path& plugin);
/// What `describe` says, the vendor not opened.
Json describe_plugin(const std::filesystem::path& plugin);

/// A plug-in's table and its opened vendor.
class Instance {
 public:
  /// Opens the plug-in's vendor; exits the program with a message where it cannot.
  Instance(const std::filesystem::path& plugin, const Options& options);
  ~Instance();
  Instance(const Instance&) = delete;
  Instance& operator=(const Instance&) = delete;
  const sp_backend& table() const { return *table_; }
  sp_instance* get() const { return instance_; }
  const Json& description() const { return description_; }
  bool has_option(const std::string& name) const { return description_["options"].contains(name); }
  Status load(const std::filesystem::path& path, const Options& options, Model& model,
              const sp_token* token = nullptr) const;
  /// Log lines that the plug-in wrote to its host.
  std::size_t log_lines() const { return log_lines_; }

 private:
  const sp_backend* table_ = nullptr;
  sp_instance* instance_ = nullptr;
  Json description_;
  std::atomic<std::size_t> log_lines_{0};
  sp_host host_{};
};

class Model {
 public:
  Model() = default;
  ~Model() { close(); }
  Model(const Model&) = delete;
  Model& operator=(const Model&) = delete;
  void close();
  const sp_backend& table() const { return *table_; }
  sp_model* get() const { return model_; }
  const sp_signature& signature(std::uint32_t entry = 0) const { return *table_->signature(model_, entry); }
  Json stats() const;

 private:
  friend class Instance;
  const sp_backend* table_ = nullptr;
  sp_model* model_ = nullptr;
};

class Context {
 public:
  Context() = default;
  ~Context() { close(); }
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;
  Status open(const Model& model, std::uint32_t entry = 0, const Options& options = {});
  void close();
  sp_context* get() const { return context_; }

  Status bind_input(std::uint32_t index, HostTensor& input);
  Status bind_output(std::uint32_t index, HostTensor& output);
  Status unbind_output(std::uint32_t index) { return take(table_->bind_output(context_, index, nullptr, 0)); }
  Status execute(const sp_token* token = nullptr);
  Status output(std::uint32_t index, HostTensor& result, bool* in_bound_memory = nullptr);
  /// Binds all inputs, executes, and copies all outputs.
  Status run(std::vector<HostTensor>& inputs, std::vector<HostTensor>& outputs);

 private:
  const sp_backend* table_ = nullptr;
  sp_context* context_ = nullptr;
  std::uint32_t outputs_ = 0;
};

/// Command line, plug-ins and a folder of the test's own.
struct Suite {
  std::string backend;
  std::string library;  ///< of the vendor; empty where there is none
  std::filesystem::path folder;
  std::unique_ptr<Instance> tested, oracle;
};
Suite& suite();
inline const Instance& tested() { return *suite().tested; }
inline const Instance& oracle() { return *suite().oracle; }

/// Saves the model below the suite's folder.
std::filesystem::path save(const testing::OnnxWriter& model, const std::string& name);
/// Loads and runs once, from nothing; fails the test where it fails.
std::vector<HostTensor> run_once(const Instance& instance, const std::filesystem::path& model,
                                 std::vector<HostTensor> inputs, const Options& options = {});

}  // namespace speedster::conformance
