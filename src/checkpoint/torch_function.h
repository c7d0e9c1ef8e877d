/* SPDX-License-Identifier: MIT */
/** A function of torch, as configurations and pickles name it. */
#ifndef CHECKPOINT_TORCH_FUNCTION_H
#define CHECKPOINT_TORCH_FUNCTION_H

#include "insilico/value.h"

enum { INS_FUNCTION_NAME = 64 };

/** out = "softplus" for "softplus", "torch.nn.functional.softplus", the text that a pickled
 * reference becomes, a configuration {_target_: ..., _partial_: true} without arguments, one of
 * hydra's {_target_: hydra.utils.get_method, path: ...}, or a functools.partial without arguments.
 * false: it is none of these, or a function of another package. */
bool ins_torch_function(const ins_value *value, char out[INS_FUNCTION_NAME]);
/** The class or function that such a value names, with its modules; NULL when it names none. */
const char *ins_reference_of(const ins_value *value, char *out, size_t size);

#endif
