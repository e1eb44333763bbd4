/* A host that is linked with a release of ONNX Runtime of its own and loads a package that was judged with another.
   usage: two_releases MODEL.onnx PACKAGE EXPECT_VERSION EXPECT_SOURCE
   Both run in turns; each must be the release that it should be and give the same numbers. */
#include <math.h>
#include <onnxruntime_c_api.h>
#include <speedster/speedster.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const OrtApi* api;
static float x[2 * 16];

static void must(OrtStatus* status) {
  if (status == NULL) return;
  fprintf(stderr, "host: %s\n", api->GetErrorMessage(status));
  exit(1);
}

static void must_ours(speedster_error* error) {
  if (error == NULL) return;
  fprintf(stderr, "speedster: %s\n", speedster_error_message(error));
  exit(1);
}

static void append(void* user, const char* text, size_t length) { strncat((char*)user, text, length); }

static void host_run(OrtSession* session, float* y) {
  const int64_t shape[] = {2, 16};
  const char* const inputs[] = {"x"};
  const char* const outputs[] = {"y"};
  OrtMemoryInfo* memory;
  OrtValue *in = NULL, *out = NULL;
  void* data;
  must(api->CreateCpuMemoryInfo(OrtArenaAllocator, OrtMemTypeDefault, &memory));
  must(api->CreateTensorWithDataAsOrtValue(memory, x, sizeof(x), shape, 2, ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT, &in));
  must(api->Run(session, NULL, inputs, (const OrtValue* const*)&in, 1, outputs, 1, &out));
  must(api->GetTensorMutableData(out, &data));
  memcpy(y, data, 8 * sizeof(float));
  api->ReleaseValue(in);
  api->ReleaseValue(out);
  api->ReleaseMemoryInfo(memory);
}

int main(int argc, char** argv) {
  if (argc != 5) return 2;
  for (int i = 0; i < 32; ++i) x[i] = (float)i / 32 - 0.4f;
  api = OrtGetApiBase()->GetApi(ORT_API_VERSION);
  printf("host %s\n", OrtGetApiBase()->GetVersionString());
  OrtEnv* env;
  OrtSessionOptions* session_options;
  OrtSession* session;
  must(api->CreateEnv(ORT_LOGGING_LEVEL_WARNING, "host", &env));
  must(api->CreateSessionOptions(&session_options));
  must(api->CreateSession(env, argv[1], session_options, &session));

  speedster_load_options options = {.size = sizeof(options)};
  speedster_learner* learner;
  speedster_context* context;
  must_ours(speedster_learner_load(argv[2], &options, &learner));
  static char info[1 << 16];
  must_ours(speedster_learner_info(learner, append, info));
  char wanted[256];
  snprintf(wanted, sizeof(wanted), "\"vendor_version\": \"%s\"", argv[3]);
  if (strstr(info, wanted) == NULL) return fprintf(stderr, "expected %s, got %s\n", wanted, info), 1;
  snprintf(wanted, sizeof(wanted), "\"vendor_source\": \"%s\"", argv[4]);
  if (strstr(info, wanted) == NULL) return fprintf(stderr, "expected %s, got %s\n", wanted, info), 1;
  must_ours(speedster_context_create(learner, &context));
  int64_t shape[] = {2, 16};
  const DLTensor tensor = {x, {kDLCPU, 0}, 2, {kDLFloat, 32, 1}, shape, NULL, 0};
  must_ours(speedster_bind_input(context, 0, &tensor));

  for (int round = 0; round < 50; ++round) {
    float host[8];
    DLTensor ours;
    host_run(session, host);
    must_ours(speedster_run(context));
    must_ours(speedster_get_output(context, 0, &ours, NULL));
    for (int i = 0; i < 8; ++i)
      if (fabsf(((const float*)ours.data)[i] - host[i]) > 1e-5f)
        return fprintf(stderr, "expected the same numbers\n"), 1;
  }
  if (strcmp(OrtGetApiBase()->GetVersionString(), argv[3]) == 0 && strcmp(argv[4], "mapped") != 0)
    return fprintf(stderr, "expected the host to keep its own release\n"), 1;
  speedster_context_free(context);
  speedster_learner_free(learner);
  api->ReleaseSession(session);
  api->ReleaseSessionOptions(session_options);
  api->ReleaseEnv(env);
  printf("ok\n");
  return 0;
}
