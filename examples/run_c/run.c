/* Loads a package and runs it from C: inputs from .npy files, or zeros; prints the outputs.

   usage: speedster-run PACKAGE [INPUT=FILE.npy …]

   The library behind it needs neither Python nor, at link time, the vendor whose runtime the package uses. */
#include <inttypes.h>
#include <speedster/speedster.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "npy.h"

/* Every function that can fail returns an error that is ours to free. */
static int failed(speedster_error* error) {
  if (error == NULL) return 0;
  fprintf(stderr, "%s\n", speedster_error_message(error));
  speedster_error_free(error);
  return 1;
}

static void log_line(void* user, int level, const char* text) {
  (void)user;
  if (level >= 2) fprintf(stderr, "%s\n", text);
}

/* Zeros in the shape that the package was judged at; returns 0 without memory. */
static int zeros(const speedster_tensor_spec* spec, DLTensor* tensor) {
  memset(tensor, 0, sizeof(*tensor));
  tensor->device.device_type = kDLCPU;
  tensor->dtype = spec->dtype;
  tensor->ndim = spec->rank < 0 ? 1 : spec->rank;
  tensor->shape = calloc((size_t)tensor->ndim + 1, sizeof(int64_t));
  if (tensor->shape == NULL) return 0;
  size_t bytes = spec->dtype.bits / 8;
  for (int32_t i = 0; i < tensor->ndim; ++i) {
    tensor->shape[i] = spec->rank < 0 ? 1 : spec->typical[i];
    bytes *= (size_t)tensor->shape[i];
  }
  tensor->data = calloc(1, bytes > 0 ? bytes : 1);
  return tensor->data != NULL;
}

/* The file that the command line names for an input, or NULL. */
static const char* file_of(const char* input, int argc, char** argv) {
  const size_t length = strlen(input);
  for (int i = 2; i < argc; ++i)
    if (strncmp(argv[i], input, length) == 0 && argv[i][length] == '=') return argv[i] + length + 1;
  return NULL;
}

static int bind_inputs(speedster_learner* learner, speedster_context* context, DLTensor* inputs, int argc,
                       char** argv) {
  for (uint32_t i = 0; i < speedster_input_count(learner); ++i) {
    const speedster_tensor_spec* spec = speedster_input(learner, i);
    const char* file = file_of(spec->name, argc, argv);
    const char* wrong = file != NULL ? npy_read(file, &inputs[i]) : zeros(spec, &inputs[i]) ? NULL : "no memory";
    if (wrong != NULL) {
      fprintf(stderr, "[run] expected values for %s, got %s: %s\n", spec->name, file == NULL ? "none" : file, wrong);
      return 1;
    }
    if (failed(speedster_bind_input(context, i, &inputs[i]))) return 1;
  }
  return 0;
}

static void print_value(const DLTensor* tensor, int64_t index) {
  const char* base = (const char*)tensor->data + tensor->byte_offset;
  const int bits = tensor->dtype.bits;
  switch (tensor->dtype.code) {
    case kDLFloat:
      if (bits == 32)
        printf(" %.6g", (double)((const float*)base)[index]);
      else if (bits == 64)
        printf(" %.6g", ((const double*)base)[index]);
      else
        printf(" 0x%04x", ((const uint16_t*)base)[index]);
      break;
    case kDLInt:
      if (bits == 64)
        printf(" %" PRId64, ((const int64_t*)base)[index]);
      else if (bits == 32)
        printf(" %" PRId32, ((const int32_t*)base)[index]);
      else if (bits == 16)
        printf(" %d", ((const int16_t*)base)[index]);
      else
        printf(" %d", ((const int8_t*)base)[index]);
      break;
    default: printf(" 0x%02x", ((const unsigned char*)base)[index * (bits / 8)]);
  }
}

static int print_outputs(speedster_learner* learner, speedster_context* context) {
  for (uint32_t i = 0; i < speedster_output_count(learner); ++i) {
    DLTensor view;
    if (failed(speedster_get_output(context, i, &view, NULL))) return 1;
    printf("%s [", speedster_output(learner, i)->name);
    int64_t count = 1;
    for (int32_t axis = 0; axis < view.ndim; ++axis) {
      printf("%s%" PRId64, axis > 0 ? ", " : "", view.shape[axis]);
      count *= view.shape[axis];
    }
    printf("]:");
    for (int64_t k = 0; k < count && k < 8; ++k) print_value(&view, k);
    printf(count > 8 ? " …\n" : "\n");
  }
  return 0;
}

static int run(speedster_learner* learner, int argc, char** argv) {
  DLTensor* inputs = calloc(speedster_input_count(learner) + 1, sizeof(DLTensor));
  speedster_context* context = NULL;
  int status = inputs == NULL || failed(speedster_context_create(learner, &context)) ||
               bind_inputs(learner, context, inputs, argc, argv) || failed(speedster_run(context)) ||
               print_outputs(learner, context);
  speedster_context_free(context);
  for (uint32_t i = 0; inputs != NULL && i < speedster_input_count(learner); ++i) npy_free(&inputs[i]);
  free(inputs);
  return status;
}

int main(int argc, char** argv) {
  if (argc < 2) {
    fprintf(stderr, "usage: %s PACKAGE [INPUT=FILE.npy …]\n", argv[0]);
    return 2;
  }
  speedster_load_options options;
  memset(&options, 0, sizeof(options));
  options.size = sizeof(options);
  options.log = log_line;
  speedster_learner* learner = NULL;
  if (failed(speedster_learner_load(argv[1], &options, &learner))) return 1;
  const int status = run(learner, argc, argv);
  speedster_learner_free(learner);
  return status;
}
