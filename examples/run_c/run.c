/* Loads a package and runs it from C: inputs from .npy files, or zeros; prints the outputs.

   usage: speedster-run [PACKAGE] [INPUT=FILE.npy …]

   Without PACKAGE it takes the one in the folder above its own, as `speedster bundle` lays them out.
   The library behind it needs neither Python nor, at link time, the vendor whose runtime the package uses. */
#define _POSIX_C_SOURCE 200809L
#include <dirent.h>
#include <inttypes.h>
#include <limits.h>
#include <speedster/speedster.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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
  size_t count = 1;
  for (int32_t i = 0; i < tensor->ndim; ++i) {
    tensor->shape[i] = spec->rank < 0 ? 1 : spec->typical[i];
    count *= (size_t)tensor->shape[i];
  }
  tensor->data = calloc(count + 1, (spec->dtype.bits + 7U) / 8);
  return tensor->data != NULL;
}

/* The file that INPUT=FILE names for an input, or NULL. */
static const char* file_of(const char* input, int count, char** files) {
  const size_t length = strlen(input);
  for (int i = 0; i < count; ++i)
    if (strncmp(files[i], input, length) == 0 && files[i][length] == '=') return files[i] + length + 1;
  return NULL;
}

static int bind_inputs(speedster_learner* learner, speedster_context* context, DLTensor* inputs, int count,
                       char** files) {
  for (uint32_t i = 0; i < speedster_input_count(learner); ++i) {
    const speedster_tensor_spec* spec = speedster_input(learner, i);
    const char* file = file_of(spec->name, count, files);
    const char* wrong = file != NULL ? npy_read(file, &inputs[i]) : zeros(spec, &inputs[i]) ? NULL : "no memory";
    if (wrong != NULL) {
      fprintf(stderr, "[run] expected values for %s, got %s: %s\n", spec->name, file == NULL ? "none" : file, wrong);
      return 1;
    }
    if (failed(speedster_bind_input(context, i, &inputs[i]))) return 1;
  }
  return 0;
}

static float float_of_bits(uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof(value));
  return value;
}

static double half(uint16_t bits) {
  const uint32_t sign = (uint32_t)(bits & 0x8000U) << 16U, exponent = (bits >> 10U) & 31U, mantissa = bits & 1023U;
  if (exponent == 0) return (sign != 0 ? -1.0 : 1.0) * mantissa / 16777216.0; /* 2^24 */
  return float_of_bits(sign | (exponent == 31 ? 255U : exponent + 112U) << 23U | mantissa << 13U);
}

/* An element as a number; as its bytes, the highest first, where C has no type for it. */
static void print_value(const DLTensor* tensor, int64_t index) {
  const unsigned char* base = (const unsigned char*)tensor->data + tensor->byte_offset;
  const unsigned bits = tensor->dtype.bits, bytes = bits / 8;
  if (bits == 4) { /* two in a byte, the first one low */
    const int value = base[index / 2] >> (index % 2 * 4) & 15;
    if (tensor->dtype.code == kDLInt || tensor->dtype.code == kDLUInt)
      printf(" %d", tensor->dtype.code == kDLInt && value > 7 ? value - 16 : value);
    else
      printf(" 0x%x", (unsigned)value);
    return;
  }
  const unsigned char* element = base + index * bytes;
  union {
    float f32;
    double f64;
    int8_t i8;
    int16_t i16;
    int32_t i32;
    int64_t i64;
    uint16_t u16;
    uint32_t u32;
    uint64_t u64;
  } value;
  memset(&value, 0, sizeof(value));
  memcpy(&value, element, bytes < sizeof(value) ? bytes : sizeof(value));
  switch (tensor->dtype.code << 8 | (int)bits) {
    case kDLFloat << 8 | 16: printf(" %.6g", half(value.u16)); return;
    case kDLFloat << 8 | 32: printf(" %.6g", (double)value.f32); return;
    case kDLFloat << 8 | 64: printf(" %.6g", value.f64); return;
    case kDLBfloat << 8 | 16: printf(" %.6g", (double)float_of_bits((uint32_t)value.u16 << 16U)); return;
    case kDLInt << 8 | 8: printf(" %" PRId8, value.i8); return;
    case kDLInt << 8 | 16: printf(" %" PRId16, value.i16); return;
    case kDLInt << 8 | 32: printf(" %" PRId32, value.i32); return;
    case kDLInt << 8 | 64: printf(" %" PRId64, value.i64); return;
    case kDLUInt << 8 | 8: printf(" %u", (unsigned)*element); return;
    case kDLUInt << 8 | 16: printf(" %" PRIu16, value.u16); return;
    case kDLUInt << 8 | 32: printf(" %" PRIu32, value.u32); return;
    case kDLUInt << 8 | 64: printf(" %" PRIu64, value.u64); return;
    case kDLBool << 8 | 8: printf(" %s", *element != 0 ? "true" : "false"); return;
    default: break;
  }
  printf(" 0x");
  for (unsigned i = bytes; i-- > 0;) printf("%02x", (unsigned)element[i]);
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

static int run(speedster_learner* learner, int count, char** files) {
  DLTensor* inputs = calloc(speedster_input_count(learner) + 1, sizeof(DLTensor));
  speedster_context* context = NULL;
  int status = inputs == NULL || failed(speedster_context_create(learner, &context)) ||
               bind_inputs(learner, context, inputs, count, files) || failed(speedster_run(context)) ||
               print_outputs(learner, context);
  speedster_context_free(context);
  for (uint32_t i = 0; inputs != NULL && i < speedster_input_count(learner); ++i) npy_free(&inputs[i]);
  free(inputs);
  return status;
}

/* The only package in the folder above this program's; returns how many there are. */
static int find_package(char* path, size_t size) {
  char above[PATH_MAX] = "";
  const ssize_t length = readlink("/proc/self/exe", above, sizeof(above) - 1);
  for (int up = 0; up < 2 && length > 0; ++up) {
    char* slash = strrchr(above, '/');
    if (slash != NULL) *slash = '\0';
  }
  DIR* folder = length > 0 ? opendir(above[0] != '\0' ? above : "/") : NULL;
  int found = 0;
  for (const struct dirent* entry = NULL; folder != NULL && (entry = readdir(folder)) != NULL;) {
    const char* end = strrchr(entry->d_name, '.');
    if (end == NULL || end == entry->d_name || strcmp(end, ".speedster") != 0) continue;
    const int written = snprintf(path, size, "%s/%s", above, entry->d_name);
    if (written > 0 && (size_t)written < size) ++found;
  }
  if (folder != NULL) closedir(folder);
  return found;
}

int main(int argc, char** argv) {
  char beside[PATH_MAX];
  const char* package = beside;
  int first = 1;
  if (argc > 1 && (strchr(argv[1], '=') == NULL || access(argv[1], F_OK) == 0)) {
    package = argv[1];
    first = 2;
  } else {
    const int found = find_package(beside, sizeof(beside));
    if (found != 1) {
      fprintf(stderr, "[run] expected one package in the folder above the program's, got %d; try %s PACKAGE\n", found,
              argv[0]);
      fprintf(stderr, "usage: %s [PACKAGE] [INPUT=FILE.npy …]\n", argv[0]);
      return 2;
    }
  }
  speedster_load_options options;
  memset(&options, 0, sizeof(options));
  options.size = sizeof(options);
  options.log = log_line;
  speedster_learner* learner = NULL;
  if (failed(speedster_learner_load(package, &options, &learner))) return 1;
  const int status = run(learner, argc - first, argv + first);
  speedster_learner_free(learner);
  return status;
}
