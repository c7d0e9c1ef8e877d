/* SPDX-License-Identifier: MIT */
/** Torch's element types by the names that pickles have for them. Local. */
#ifndef CHECKPOINT_TORCH_TYPES_H
#define CHECKPOINT_TORCH_TYPES_H

#include "insilico/numpy.h"
#include "pickle.h"

typedef struct ins_torch_type {
  const char *storage, *dtype; /* "FloatStorage", "float32" */
  const char *numpy;           /* "<f4"; NULL: none */
  size_t size;                 /* bytes of an element */
} ins_torch_type;

/** The type that a storage class or a torch.dtype names; an untyped storage holds bytes. NULL: none
 * that is known. */
const ins_torch_type *ins_torch_type_of(const ins_pickle *pickle, ins_node global);
/** How its elements are read; false when they have no counterpart here (complex, quantised). */
bool ins_torch_element(const ins_torch_type *type, ins_numpy_type *out);
/** Bytes of its elements; 0 when it is not known. */
size_t ins_torch_item_size(const ins_pickle *pickle, ins_node global);

#endif
