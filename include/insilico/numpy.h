/* SPDX-License-Identifier: MIT */
/** NumPy's element types as files spell them, and copies out of strided storage. */
#ifndef INSILICO_NUMPY_H
#define INSILICO_NUMPY_H

#include "insilico/value.h"

/** A plain number type in a file. Unsigned 16 and 32 bit integers become the next wider signed
 * type. */
typedef struct ins_numpy_type {
  ins_dtype dtype; /* in memory */
  size_t size;     /* of one element in the file */
  bool swap;       /* stored big-endian */
} ins_numpy_type;

/** Reads "<f4", ">i8", "|b1", "=u2" or the same without the first character (then little-endian).
 * @return false when the text is no plain number type (objects, texts, structures, complex, dates)
 */
bool ins_numpy_type_read(const char *text, size_t n, ins_numpy_type *out);

/** to[i] = from[i] for n elements, in the byte order and type of memory. `from` need not be
 * aligned. */
void ins_numpy_copy(const ins_numpy_type *type, const void *from, size_t n, void *to);

/** to[i0,i1,...] = from[sum of i_d * stride_d], row-major, items of `item` bytes; strides count
 * items. The caller has checked that the last item lies inside `from`. */
void ins_strided_copy(const void *from, size_t item, int n_dims, const size_t *shape,
                      const size_t *stride, void *to);
/** stride[] of an array stored with its first axis fastest. */
void ins_fortran_strides(int n_dims, const size_t *shape, size_t *stride);

#endif
