/// A loaded model: one OrtSession that all contexts share, its signature, and what its first execution showed.
#pragma once
#include <atomic>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "onnxruntime/api.h"
#include "onnxruntime/profile.h"
#include "support/onnx_scan.h"
#include "support/options.h"
#include "support/shape_memory.h"
#include "support/tensor.h"

namespace speedster::onnxruntime {

/// As long as it lives, the vendor's log goes to this host too.
class LogListener {
 public:
  explicit LogListener(const sp_host* host);
  LogListener(const LogListener&) = delete;
  LogListener& operator=(const LogListener&) = delete;
  ~LogListener();

 private:
  const sp_host* host_;
};

/// The opened library and its environment; the log goes to the host that opened it, until that leaves.
class Runtime {
 public:
  Runtime(const std::string& library, const sp_host* host);
  const Api& api() const { return api_; }
  OrtEnv* env() const { return env_.get(); }
  void leave_host() { listener_.reset(); }

 private:
  Api api_;
  std::optional<LogListener> listener_;
  Owned<OrtEnv> env_ = nothing<OrtEnv>();
};

class Session {
 public:
  Session(std::shared_ptr<const Runtime> runtime, const std::filesystem::path& model,
          const plugin::OptionValues& options);

  const Api& api() const { return runtime_->api(); }
  OrtSession* get() const { return session_.get(); }
  const sp_signature* signature() const { return signature_->get(); }
  OrtMemoryInfo* memory() const { return memory_.get(); }
  OrtAllocator* allocator() const { return allocator_; }
  plugin::ShapeMemory& shapes() { return *shapes_; }
  /// Runs `execution`; the first that succeeds runs alone and ends the profile.
  template <typename Execution>
  void first_alone(Execution&& execution) {
    if (!profiling_.load(std::memory_order_acquire)) [[likely]]
      return execution();
    const std::lock_guard lock(profile_mutex_);
    execution();
    if (profiling_.load()) end_profile();
  }
  /// True until an execution succeeded or the profile was given up.
  bool profiling() const { return profiling_.load(); }

  /// A session of its own over the same model and options that profiles everything: for profile().
  Owned<OrtSession> profiled_copy(const ProfileFile& file) const;
  /// Folder for temporary files.
  const std::string& scratch() const { return scratch_; }
  std::string stats() const;

 private:
  Owned<OrtSessionOptions> session_options(const ProfileFile* profile) const;
  Owned<OrtSession> create(const ProfileFile* profile) const;
  /// Where this model's optimized graph is kept, or would be; empty without `cache_dir`.
  std::filesystem::path cache_folder() const;
  Owned<OrtSession> open_kept(const std::filesystem::path& graph, const ProfileFile* profile) const;
  Owned<OrtSession> create_and_keep(const std::filesystem::path& folder, const ProfileFile* profile) const;
  plugin::TensorSpec describe_tensor(std::size_t index, bool input) const;
  void end_profile();

  std::shared_ptr<const Runtime> runtime_;
  std::filesystem::path model_;
  plugin::OptionValues options_;
  std::string scratch_;
  plugin::OnnxScan scan_;
  std::unique_ptr<ProfileFile> profile_;
  Owned<OrtSession> session_ = nothing<OrtSession>();
  Owned<OrtMemoryInfo> memory_ = nothing<OrtMemoryInfo>();
  OrtAllocator* allocator_ = nullptr;  // the library's own, never released
  std::unique_ptr<plugin::SignatureStorage> signature_;
  std::unique_ptr<plugin::ShapeMemory> shapes_;

  std::atomic<bool> profiling_{false};
  mutable std::mutex profile_mutex_;
  std::vector<ProfiledNode> nodes_;
};

/// Files of a graph as the vendor optimized it.
inline constexpr const char *kOptimizedModel = "model.onnx", *kOptimizedWeights = "weights.bin";
/// A session with these options writes them into `folder`; large weights go to the second file if `apart`.
void keep_optimized_graph(const Api& api, OrtSessionOptions* options, const std::filesystem::path& folder, bool apart);

/// Options of a session in the vendor's own words; shared with compile.
Owned<OrtSessionOptions> new_session_options(const Api& api, const std::string& optimization);
Owned<OrtSession> new_session(const Runtime& runtime, const std::filesystem::path& model,
                              const OrtSessionOptions* options);

}  // namespace speedster::onnxruntime
