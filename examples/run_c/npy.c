#include "npy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_RANK 16
#define MAX_HEADER 65536

/* numpy's descr in DLPack's words. */
static int read_dtype(const char* descr, DLDataType* dtype) {
  static const struct {
    char kind;
    uint8_t code;
  } kinds[] = {{'f', kDLFloat}, {'i', kDLInt}, {'u', kDLUInt}, {'b', kDLBool}, {'c', kDLComplex}};
  const int bytes = descr[0] != '\0' && descr[1] != '\0' ? atoi(descr + 2) : 0;
  if (descr[0] == '>' || (bytes != 1 && bytes != 2 && bytes != 4 && bytes != 8 && bytes != 16)) return 0;
  for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); ++i) {
    if (descr[1] != kinds[i].kind) continue;
    dtype->code = kinds[i].code;
    dtype->bits = (uint8_t)(8 * bytes);
    dtype->lanes = 1;
    return 1;
  }
  return 0;
}

/* "(2, 3)" -> shape; the number of elements, or -1. */
static int64_t read_shape(const char* text, DLTensor* tensor) {
  int64_t count = 1;
  for (;;) {
    while (*text == ' ' || *text == ',' || *text == '(') ++text;
    if (*text == ')') return count;
    char* end;
    const long long extent = strtoll(text, &end, 10);
    if (end == text || extent < 0 || tensor->ndim == MAX_RANK || (extent > 0 && count > INT64_MAX / 16 / extent))
      return -1;
    tensor->shape[tensor->ndim++] = extent;
    count *= extent;
    text = end;
  }
}

static const char* read_header(FILE* file, DLTensor* tensor, size_t* bytes) {
  unsigned char start[12];
  if (fread(start, 1, 10, file) != 10 || memcmp(start, "\x93NUMPY", 6) != 0) return "not an .npy file";
  size_t length = start[8] + 256u * start[9];
  if (start[6] > 1) {
    if (fread(start + 10, 1, 2, file) != 2) return "truncated";
    length += 65536u * start[10] + 16777216u * (size_t)start[11];
  }
  if (length > MAX_HEADER) return "a header that is too long";
  char header[MAX_HEADER + 1];
  if (fread(header, 1, length, file) != length) return "truncated";
  header[length] = '\0';
  const char* descr = strstr(header, "'descr':");
  const char* order = strstr(header, "'fortran_order':");
  const char* shape = strstr(header, "'shape':");
  if (descr == NULL || order == NULL || shape == NULL) return "a header without descr, fortran_order or shape";
  if (strncmp(order + 16, " True", 5) == 0) return "Fortran order; try numpy.ascontiguousarray";
  const char* quote = strchr(descr + 8, '\'');
  if (quote == NULL || !read_dtype(quote + 1, &tensor->dtype)) return "a dtype that is not a little-endian number";
  tensor->shape = calloc(MAX_RANK, sizeof(int64_t));
  if (tensor->shape == NULL) return "no memory";
  const int64_t count = read_shape(shape + 8, tensor);
  if (count < 0) return "a shape that cannot be read";
  *bytes = (size_t)count * (tensor->dtype.bits / 8);
  return NULL;
}

const char* npy_read(const char* path, DLTensor* tensor) {
  memset(tensor, 0, sizeof(*tensor));
  tensor->device.device_type = kDLCPU;
  FILE* file = fopen(path, "rb");
  if (file == NULL) return "a file that cannot be opened";
  size_t bytes = 0;
  const char* wrong = read_header(file, tensor, &bytes);
  if (wrong == NULL) {
    tensor->data = malloc(bytes > 0 ? bytes : 1);
    if (tensor->data == NULL)
      wrong = "no memory";
    else if (fread(tensor->data, 1, bytes, file) != bytes)
      wrong = "truncated";
  }
  fclose(file);
  if (wrong != NULL) npy_free(tensor);
  return wrong;
}

void npy_free(DLTensor* tensor) {
  free(tensor->data);
  free(tensor->shape);
  tensor->data = NULL;
  tensor->shape = NULL;
}
