/* Reads .npy files of version 1 to 3, little-endian and in C order:
 * https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html */
#pragma once
#include <dlpack/dlpack.h>

/* Fills the tensor's dtype, rank, shape and data; returns NULL, or what is wrong. */
const char* npy_read(const char* path, DLTensor* tensor);
/* Frees what npy_read allocated. */
void npy_free(DLTensor* tensor);
