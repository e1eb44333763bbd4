// What the learner adds to a call: speedster_run over ONNX Runtime's own C interface with bound tensors, for a small
// model.
//
//   usage: speedster-overhead PACKAGE MODEL.onnx LIBONNXRUNTIME
//
// One process, one thread, both sides bound to memory of the caller; blocks of 20,000 calls in alternated order. Prints
// JSON: microseconds a call of both, and the difference paired by round with its 95 % interval.
#include <dlfcn.h>
#include <onnxruntime_c_api.h>
#include <speedster/speedster.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace {

constexpr int kRounds = 41;
constexpr int kCalls = 20000;

const OrtApi* api = nullptr;

void must(OrtStatus* status) {
  if (status == nullptr) return;
  std::fprintf(stderr, "onnxruntime: %s\n", api->GetErrorMessage(status));
  std::exit(1);
}

void must(speedster_error* error) {
  if (error == nullptr) return;
  std::fprintf(stderr, "%s\n", speedster_error_message(error));
  std::exit(1);
}

/// Microseconds of a call in a block.
template <typename Call>
double block(Call call) {
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < kCalls; ++i) call();
  return std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - begin).count() / kCalls;
}

double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2), values.end());
  return values[values.size() / 2];
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(stderr, "usage: %s PACKAGE MODEL.onnx LIBONNXRUNTIME\n", argv[0]);
    return 2;
  }
  float x[16], ours[4] = {}, theirs[4] = {};
  for (int i = 0; i < 16; ++i) x[i] = static_cast<float>(i) / 16 - 0.4F;
  int64_t in_shape[] = {1, 16}, out_shape[] = {1, 4};

  void* library = ::dlopen(argv[3], RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return std::fprintf(stderr, "%s\n", ::dlerror()), 1;
  const auto base = reinterpret_cast<const OrtApiBase* (*)()>(::dlsym(library, "OrtGetApiBase"));
  api = base()->GetApi(17);
  OrtEnv* env = nullptr;
  OrtSessionOptions* options = nullptr;
  OrtSession* session = nullptr;
  OrtMemoryInfo* memory = nullptr;
  OrtIoBinding* binding = nullptr;
  OrtValue *in = nullptr, *out = nullptr;
  must(api->CreateEnv(ORT_LOGGING_LEVEL_WARNING, "overhead", &env));
  must(api->CreateSessionOptions(&options));
  must(api->SetIntraOpNumThreads(options, 1));
  must(api->SetSessionGraphOptimizationLevel(options, ORT_ENABLE_ALL));
  must(api->CreateSession(env, argv[2], options, &session));
  must(api->CreateCpuMemoryInfo(OrtArenaAllocator, OrtMemTypeDefault, &memory));
  must(
      api->CreateTensorWithDataAsOrtValue(memory, x, sizeof(x), in_shape, 2, ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT, &in));
  must(api->CreateTensorWithDataAsOrtValue(memory, theirs, sizeof(theirs), out_shape, 2,
                                           ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT, &out));
  must(api->CreateIoBinding(session, &binding));
  must(api->BindInput(binding, "x", in));
  must(api->BindOutput(binding, "y", out));

  const std::string vendor = std::string("onnxruntime=") + argv[3];
  speedster_load_options load = {};
  load.size = sizeof(load);
  load.threads = 1;
  load.vendor_library = vendor.c_str();
  speedster_learner* learner = nullptr;
  speedster_context* context = nullptr;
  must(speedster_learner_load(argv[1], &load, &learner));
  must(speedster_context_create(learner, &context));
  const DLTensor input = {x, {kDLCPU, 0}, 2, {kDLFloat, 32, 1}, in_shape, nullptr, 0};
  const DLTensor output = {ours, {kDLCPU, 0}, 2, {kDLFloat, 32, 1}, out_shape, nullptr, 0};
  must(speedster_bind_input(context, 0, &input));
  must(speedster_bind_output(context, 0, &output, sizeof(ours)));

  const auto our_call = [&] { must(speedster_run(context)); };
  const auto their_call = [&] { must(api->RunWithBinding(session, nullptr, binding)); };
  our_call();
  their_call();
  for (int i = 0; i < 4; ++i)
    if (!(std::fabs(ours[i] - theirs[i]) <= 1e-5F))
      return std::fprintf(stderr, "expected equal outputs, got %g and %g\n", ours[i], theirs[i]), 1;

  std::vector<double> our_times, their_times, differences;
  block(our_call);
  block(their_call);
  for (int round = 0; round < kRounds; ++round) {
    double a = 0, b = 0;
    if (round % 2 == 0)
      a = block(our_call), b = block(their_call);
    else
      b = block(their_call), a = block(our_call);
    our_times.push_back(a);
    their_times.push_back(b);
    differences.push_back(a - b);
  }
  // The interval of a median by order statistics (David & Nagaraja): ranks 14 and 28 of 41 hold it in 95 of 100 cases.
  std::sort(differences.begin(), differences.end());
  std::printf(
      "{\"speedster_us\": %.4f, \"onnxruntime_us\": %.4f, \"overhead_us\": {\"median\": %.4f, \"low\": %.4f, \"high\": "
      "%.4f}}\n",
      median(our_times), median(their_times), differences[20], differences[13], differences[27]);
  speedster_context_free(context);
  speedster_learner_free(learner);
  return 0;
}
