// One load in a fresh process, by the learner or by a vendor's own C interface: seconds from nothing mapped to a model
// that can be called.
//
//   usage: speedster-load package PACKAGE VARIANT
//          speedster-load onnxruntime MODEL.onnx LIBONNXRUNTIME all|disable
//          speedster-load openvino MODEL LIBOPENVINO_C CACHE_FOLDER PRECISION
//
// One thread; PRECISION is OpenVINO's: f32, bf16. Nothing is freed. Prints the seconds.
#include <dlfcn.h>
#include <onnxruntime_c_api.h>
#include <openvino/c/openvino.h>
#include <speedster/speedster.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

namespace {

using Clock = std::chrono::steady_clock;

[[noreturn]] void stop(const char* who, const char* why) {
  std::fprintf(stderr, "%s: %s\n", who, why);
  std::exit(1);
}

void must(speedster_error* error) {
  if (error != nullptr) stop("speedster", speedster_error_message(error));
}

void* open_library(const char* path) {
  void* library = ::dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) stop("dlopen", ::dlerror());
  return library;
}

template <typename Function>
Function* symbol(void* library, const char* name) {
  auto* found = reinterpret_cast<Function*>(::dlsym(library, name));
  if (found == nullptr) stop("dlsym", name);
  return found;
}

void load_package(const char* package, const char* variant) {
  speedster_load_options options = {};
  options.size = sizeof(options);
  options.threads = 1;
  options.require_variant = variant;
  speedster_learner* learner = nullptr;
  speedster_context* context = nullptr;
  must(speedster_learner_load(package, &options, &learner));
  must(speedster_context_create(learner, &context));
}

void load_onnxruntime(const char* model, const char* library, bool optimize) {
  const OrtApi* api = symbol<const OrtApiBase*()>(open_library(library), "OrtGetApiBase")()->GetApi(17);
  const auto check = [api](OrtStatus* status) {
    if (status != nullptr) stop("onnxruntime", api->GetErrorMessage(status));
  };
  OrtEnv* env = nullptr;
  OrtSessionOptions* options = nullptr;
  OrtSession* session = nullptr;
  check(api->CreateEnv(ORT_LOGGING_LEVEL_WARNING, "load", &env));
  check(api->CreateSessionOptions(&options));
  check(api->SetIntraOpNumThreads(options, 1));
  check(api->SetSessionGraphOptimizationLevel(options, optimize ? ORT_ENABLE_ALL : ORT_DISABLE_ALL));
  check(api->CreateSession(env, model, options, &session));
}

void load_openvino(const char* model, const char* library, const char* cache, const char* precision) {
  void* const opened = open_library(library);
  const auto check = [](ov_status_e status) {
    if (status != ov_status_e::OK) stop("openvino", std::to_string(static_cast<int>(status)).c_str());
  };
  ov_core_t* core = nullptr;
  ov_compiled_model_t* compiled = nullptr;
  ov_infer_request_t* request = nullptr;
  check(symbol<decltype(ov_core_create)>(opened, "ov_core_create")(&core));
  const auto compile = symbol<decltype(ov_core_compile_model_from_file)>(opened, "ov_core_compile_model_from_file");
  // Keys and values of the properties, counted singly.
  check(compile(core, model, "CPU", 8, &compiled, "CACHE_DIR", cache, "INFERENCE_NUM_THREADS", "1", "NUM_STREAMS", "1",
                "INFERENCE_PRECISION_HINT", precision));
  check(symbol<decltype(ov_compiled_model_create_infer_request)>(opened, "ov_compiled_model_create_infer_request")(
      compiled, &request));
}

}  // namespace

int main(int argc, char** argv) {
  const std::string kind = argc > 1 ? argv[1] : "";
  const auto begin = Clock::now();
  if (kind == "package" && argc == 4)
    load_package(argv[2], argv[3]);
  else if (kind == "onnxruntime" && argc == 5)
    load_onnxruntime(argv[2], argv[3], std::strcmp(argv[4], "all") == 0);
  else if (kind == "openvino" && argc == 6)
    load_openvino(argv[2], argv[3], argv[4], argv[5]);
  else
    stop("usage", "speedster-load package|onnxruntime|openvino …");
  std::printf("%.6f\n", std::chrono::duration<double>(Clock::now() - begin).count());
  std::fflush(stdout);
  std::_Exit(0);  // the end of the process is not what is timed
}
