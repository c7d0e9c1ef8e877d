/* SPDX-License-Identifier: MIT */
#include "nonlinearity.h"

#include <math.h>
#include <string.h>

#include "kernels_table.h"

/* What torch.nn calls the module and torch.nn.functional (or torch) the function. */
static const struct {
  const char *function, *module;
} names[INS_N_NONLINEARITIES] = {
    [INS_IDENTITY] = {"identity", "Identity"},
    [INS_ELU] = {"elu", "ELU"},
    [INS_RELU] = {"relu", "ReLU"},
    [INS_LEAKY_RELU] = {"leaky_relu", "LeakyReLU"},
    [INS_SOFTPLUS] = {"softplus", "Softplus"},
    [INS_SIGMOID] = {"sigmoid", "Sigmoid"},
    [INS_TANH] = {"tanh", "Tanh"},
    [INS_EXP] = {"exp", "exp"},
    [INS_SILU] = {"silu", "SiLU"},
    [INS_GELU] = {"gelu", "GELU"},
    [INS_SELU] = {"selu", "SELU"},
    [INS_RRELU] = {"rrelu", "RReLU"},
    [INS_RELU6] = {"relu6", "ReLU6"},
    [INS_HARDTANH] = {"hardtanh", "Hardtanh"},
    [INS_HARDSIGMOID] = {"hardsigmoid", "Hardsigmoid"},
    [INS_HARDSWISH] = {"hardswish", "Hardswish"},
    [INS_HARDSHRINK] = {"hardshrink", "Hardshrink"},
    [INS_SOFTSHRINK] = {"softshrink", "Softshrink"},
    [INS_TANHSHRINK] = {"tanhshrink", "Tanhshrink"},
    [INS_SOFTSIGN] = {"softsign", "Softsign"},
    [INS_LOGSIGMOID] = {"logsigmoid", "LogSigmoid"},
    [INS_MISH] = {"mish", "Mish"},
    [INS_ELU1] = {"elu1", "Elu1"},
};

bool ins_nonlinearity_find(const char *name, ins_nonlinearity *out) {
  const char *dot = strrchr(name, '.');
  if (dot) name = dot + 1;
  if (strcmp(name, "linear") == 0) name = "identity";
  if (strcmp(name, "celu") == 0 || strcmp(name, "CELU") == 0) name = "elu";
  for (int i = 0; i < INS_N_NONLINEARITIES; i++) {
    if (strcmp(name, names[i].function) && strcmp(name, names[i].module)) continue;
    *out = (ins_nonlinearity)i;
    return true;
  }
  return false;
}

const char *ins_nonlinearity_name(ins_nonlinearity kind) {
  return names[kind].function;
}

/* ---- the truth ------------------------------------------------------------------------------ */

/* Klambauer et al. (2017), as torch has them. */
static const double SELU_SCALE = 1.0507009873554804934193349852946,
                    SELU_ALPHA = 1.6732632423543772848170429916717;

static double sigmoid(double x) {
  return 1 / (1 + exp(-x));
}
/* The normal distribution's integral and density. */
static double normal_below(double x) {
  return 0.5 * erfc(-x / sqrt(2));
}
static double normal_at(double x) {
  return exp(-x * x / 2) / sqrt(2 * acos(-1));
}

static double clamped(double x, double low, double high) {
  return x < low ? low : x > high ? high : x;
}
static double within(double x, double low, double high) {
  return x > low && x < high;
}
static double log_one_plus_exp(double x) {
  return x > 0 ? x + log1p(exp(-x)) : log1p(exp(x));
}

double ins_nonlinearity_of(ins_nonlinearity kind, double x) {
  switch (kind) {
  case INS_ELU:
    return x > 0 ? x : expm1(x);
  case INS_RELU:
    return x < 0 ? 0 : x;
  case INS_LEAKY_RELU:
    return x > 0 ? x : 0.01 * x;
  case INS_SOFTPLUS:
    return x > 20 ? x : log_one_plus_exp(x);
  case INS_SIGMOID:
    return sigmoid(x);
  case INS_TANH:
    return tanh(x);
  case INS_EXP:
    return exp(x);
  case INS_SILU:
    return x * sigmoid(x);
  case INS_GELU:
    return x * normal_below(x);
  case INS_SELU:
    return SELU_SCALE * (x > 0 ? x : SELU_ALPHA * expm1(x));
  case INS_RRELU:
    return x > 0 ? x : x * 11 / 48;
  case INS_RELU6:
    return clamped(x, 0, 6);
  case INS_HARDTANH:
    return clamped(x, -1, 1);
  case INS_HARDSIGMOID:
    return clamped(x + 3, 0, 6) / 6;
  case INS_HARDSWISH:
    return x * (clamped(x + 3, 0, 6) / 6);
  case INS_HARDSHRINK:
    return fabs(x) <= 0.5 ? 0 : x;
  case INS_SOFTSHRINK:
    return x - clamped(x, -0.5, 0.5);
  case INS_TANHSHRINK:
    return x - tanh(x);
  case INS_SOFTSIGN:
    return x / (1 + fabs(x));
  case INS_LOGSIGMOID:
    return -log_one_plus_exp(-x);
  case INS_MISH:
    return x * tanh(log_one_plus_exp(x));
  case INS_ELU1:
    return x > 0 ? x + 1 : exp(x);
  default:
    return x;
  }
}

double ins_nonlinearity_slope(ins_nonlinearity kind, double x) {
  switch (kind) {
  case INS_ELU:
    return x > 0 ? 1 : exp(x);
  case INS_RELU:
    return x > 0;
  case INS_LEAKY_RELU:
    return x > 0 ? 1 : 0.01;
  case INS_SOFTPLUS:
    return x > 20 ? 1 : sigmoid(x);
  case INS_SIGMOID:
    return sigmoid(x) * sigmoid(-x);
  case INS_TANH:
    return 4 * sigmoid(2 * x) * sigmoid(-2 * x);
  case INS_EXP:
    return exp(x);
  case INS_SILU:
    return sigmoid(x) * (1 + x * sigmoid(-x));
  case INS_GELU:
    return normal_below(x) + x * normal_at(x);
  case INS_SELU:
    return SELU_SCALE * (x > 0 ? 1 : SELU_ALPHA * exp(x));
  case INS_RRELU:
    return x > 0 ? 1 : 11.0 / 48;
  case INS_RELU6:
    return within(x, 0, 6);
  case INS_HARDTANH:
    return within(x, -1, 1);
  case INS_HARDSIGMOID:
    return within(x, -3, 3) / 6;
  case INS_HARDSWISH:
    return within(x, -3, 3) ? x / 3 + 0.5 : x > 0;
  case INS_HARDSHRINK:
  case INS_SOFTSHRINK:
    return !(fabs(x) <= 0.5);
  case INS_TANHSHRINK:
    return tanh(x) * tanh(x);
  case INS_SOFTSIGN:
    return 1 / ((1 + fabs(x)) * (1 + fabs(x)));
  case INS_LOGSIGMOID:
    return sigmoid(-x);
  case INS_MISH: {
    const double t = tanh(log_one_plus_exp(x));
    return t + x * sigmoid(x) * (1 - t) * (1 + t);
  }
  case INS_ELU1:
    return x > 0 ? 1 : exp(x);
  default:
    return 1;
  }
}

void ins_nonlinearity_run(ins_nonlinearity kind, size_t n, const float *x, float *y, float *slope) {
  ins_kernels_generic.nonlinear(kind, n, x, y, slope);
}
