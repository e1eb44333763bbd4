// A plug-in whose table can be wrong in one way at a time, and whose vendor is a library that only knows its version.
// Defined by the build: FAKE_NAME, FAKE_SAYS (the name in the table), FAKE_ABI_MAJOR, FAKE_SIZE, FAKE_EXECUTE,
// FAKE_VENDOR (JSON or nothing), FAKE_SYMBOL.
#include <dlfcn.h>
#include <speedster/backend.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>

struct sp_instance {
  const sp_host* host;
  std::string version = "none";
};
struct sp_model {
  float scale = 1;
};
struct sp_context {
  const sp_model* model = nullptr;
  const DLTensor* input = nullptr;
};

namespace {

sp_error* fail(int code, const char* message) {
  return new sp_error{sizeof(sp_error), code, 42, ::strdup(message), [](sp_error* error) {
                        ::free(const_cast<char*>(error->message));
                        delete error;
                      }};
}

sp_error* say(const sp_sink* sink, const std::string& text) {
  // In two pieces: a sink takes several.
  sink->write(sink->user, text.data(), text.size() / 2);
  sink->write(sink->user, text.data() + text.size() / 2, text.size() - text.size() / 2);
  return nullptr;
}

sp_error* describe(const sp_sink* sink) {
  return say(sink, "{\"name\":\"" FAKE_NAME
                   "\",\"options\":{\"library\":{\"scope\":\"open\"},\"trace\":{\"scope\":\"open,load\"},"
                   "\"threads\":{\"scope\":\"load\"},\"folder\":{\"scope\":\"load\",\"caller_only\":true},\"cache_"
                   "dir\":{\"scope\":\"load\",\"caller_only\":true},\"seed\":{"
                   "\"scope\":\"context\"}}" FAKE_VENDOR "}");
}

sp_error* open(const sp_host* host, const sp_options* options, sp_instance** out) {
  auto* instance = new sp_instance{host};
  for (std::size_t i = 0; i < options->count; ++i) {
    if (std::string(options->items[i].key) != "library") continue;
    void* library = ::dlopen(options->items[i].value, RTLD_NOW | RTLD_LOCAL);
    void* version = library == nullptr ? nullptr : ::dlsym(library, "fake_vendor_version");
    if (version == nullptr) {
      delete instance;
      return fail(SP_VENDOR, "expected fake_vendor_version, got another library");
    }
    instance->version = reinterpret_cast<const char* (*)()>(version)();
  }
  host->log(host->user, 1, "opened");
  *out = instance;
  return nullptr;
}

sp_error* probe(sp_instance* instance, const sp_sink* sink) {
  const bool usable = instance->version != "0.0.0";
  return say(sink, "{\"usable\":" + std::string(usable ? "true" : "false") +
                       ",\"reason\":\"too old to live\",\"version\":\"" + instance->version + "\"}");
}

/// Leaves a file in `cache_dir`; one that is there must be as it was left.
sp_error* use_cache(const std::string& folder) {
  std::filesystem::create_directories(folder);
  const std::string path = folder + "/kept";
  if (std::ifstream kept(path); kept) {
    std::string content;
    std::getline(kept, content);
    return content == "good" ? nullptr : fail(SP_VENDOR, "expected what was kept, got something else");
  }
  std::ofstream(path) << "good";
  return nullptr;
}

sp_error* load(sp_instance*, const char* artifact, const sp_options* options, const sp_token*, sp_model** out) {
  for (std::size_t i = 0; i < options->count; ++i)
    if (std::string(options->items[i].key) == "cache_dir")
      if (sp_error* error = use_cache(options->items[i].value); error != nullptr) return error;
  if (std::string(artifact).ends_with("memory")) return fail(SP_MEMORY, "[vendor] no memory");
  if (std::string(artifact).ends_with("bare")) return fail(SP_VENDOR, "expected a model, got a bare one");
  *out = new sp_model;
  return nullptr;
}

const sp_signature* signature(const sp_model*, std::uint32_t) {
  static const std::int64_t shape[] = {-1, 3}, max[] = {8, -1};
  static const char* const axes[] = {"batch", nullptr};
  static const sp_tensor_info x{
      sizeof(sp_tensor_info), "x", {kDLFloat, 32, 1}, {kDLCPU, 0}, 2, shape, nullptr, nullptr, max, axes, 0, -1};
  static const sp_tensor_info y{sizeof(sp_tensor_info),
                                "y",
                                {kDLFloat, 32, 1},
                                {kDLCPU, 0},
                                -1,
                                nullptr,
                                nullptr,
                                nullptr,
                                nullptr,
                                nullptr,
                                0,
                                -1};
  static const sp_tensor_info* const inputs[] = {&x};
  static const sp_tensor_info* const outputs[] = {&y};
  static const sp_signature all{sizeof(sp_signature), 1, 1, inputs, outputs};
  return &all;
}

const sp_backend* make_table() {
  static sp_backend table{};
  table.size = FAKE_SIZE;
  table.abi_major = FAKE_ABI_MAJOR;
  table.name = FAKE_SAYS;
  table.describe = describe;
  table.open = open;
  table.close = [](sp_instance* instance) { delete instance; };
  table.probe = probe;
  table.load = load;
  table.close_model = [](sp_model* model) { delete model; };
  table.entry = [](const sp_model*, std::uint32_t i) -> const char* { return i == 0 ? "main" : nullptr; };
  table.signature = signature;
  table.stats = [](const sp_model*, const sp_sink* sink) { return say(sink, "not json"); };
  table.open_context = [](sp_model* model, std::uint32_t, const sp_options*, sp_context** out) -> sp_error* {
    *out = new sp_context{model};
    return nullptr;
  };
  table.close_context = [](sp_context* context) { delete context; };
  table.bind_input = [](sp_context*, std::uint32_t, const DLTensor*) -> sp_error* { return nullptr; };
  table.bind_output = [](sp_context*, std::uint32_t, const DLTensor*, std::uint64_t) -> sp_error* { return nullptr; };
  table.execute = FAKE_EXECUTE;
  table.output = [](sp_context*, std::uint32_t, DLTensor*, int*) -> sp_error* {
    return fail(SP_NOT_FOUND, "expected a run, got none");
  };
  return &table;
}

}  // namespace

extern "C" __attribute__((visibility("default"))) const sp_backend* FAKE_SYMBOL() { return make_table(); }
