/* SPDX-License-Identifier: MIT */
/** Nonlinearities by torch's names. Private to the rooms `kernels` and `model`. */
#ifndef INSILICO_NONLINEARITY_H
#define INSILICO_NONLINEARITY_H

#include <stdbool.h>
#include <stddef.h>

typedef enum ins_nonlinearity {
  INS_IDENTITY,
  INS_ELU,
  INS_RELU,
  INS_LEAKY_RELU, /* slope 0.01 */
  INS_SOFTPLUS,   /* beta 1, linear above 20 */
  INS_SIGMOID,
  INS_TANH,
  INS_EXP,
  INS_SILU,
  INS_GELU, /* with the error function */
  INS_SELU,
  INS_ELU1,  /* elu(x) + 1, as neuralpredictors calls it */
  INS_RRELU, /* slope 11/48: the mean of those that it draws in training */
  INS_RELU6, /* no more than 6 */
  INS_HARDTANH,
  INS_HARDSIGMOID,
  INS_HARDSWISH,
  INS_HARDSHRINK, /* 0 up to a size of 0.5 */
  INS_SOFTSHRINK, /* likewise, and the rest moved towards 0 */
  INS_TANHSHRINK, /* x - tanh(x) */
  INS_SOFTSIGN,
  INS_LOGSIGMOID,
  INS_MISH, /* x tanh(softplus(x)), Misra (2019) */
  INS_N_NONLINEARITIES
} ins_nonlinearity;

/** By the name of a torch.nn module ("ELU", "Softplus") or of a function of torch.nn.functional or
 * torch ("elu", "softplus", "exp"), with or without what stands before its last dot; "identity" and
 * "linear" are INS_IDENTITY, and CELU is INS_ELU, which it is as long as nothing is set. false:
 * there is none of that name. */
bool ins_nonlinearity_find(const char *name, ins_nonlinearity *out);
const char *ins_nonlinearity_name(ins_nonlinearity kind);

/** In double precision: the truth. */
double ins_nonlinearity_of(ins_nonlinearity kind, double x);
double ins_nonlinearity_slope(ins_nonlinearity kind, double x);

/** y[i] = f(x[i]), slope[i] = f'(x[i]) for n numbers, in float32: to a relative 3e-7 (where a slope
 * changes its sign: of its largest value) and 1e-37. y may be x; slope may be NULL.
 * The same bits for the same number, wherever it stands, on every instruction set; whole maps are
 * better given to the table's own `nonlinear` (kernels_table.h), which is as wide as the set. */
void ins_nonlinearity_run(ins_nonlinearity kind, size_t n, const float *x, float *y, float *slope);

#endif
