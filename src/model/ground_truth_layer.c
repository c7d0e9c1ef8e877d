/* SPDX-License-Identifier: MIT */
/* A layer of the built-in retina: its arrays as openretina names them, and what they compute. */
#include <math.h>

#include "ground_truth_design.h"
#include "insilico/text.h"

/* ---- arrays ---------------------------------------------------------------------------------- */

static ins_status new_array(ins_value *parameters, size_t layer, const char *name, int n_dims,
                            const size_t *shape, float **out) {
  ins_text key = {0};
  ins_text_add(&key, "core.features.layer%zu.%s", layer, name);
  ins_status status = ins_text_ok(&key);
  if (status == INS_OK) {
    ins_value *array = ins_value_array(INS_F32, n_dims, shape);
    *out = array ? array->array.data : NULL;
    status = ins_map_take(parameters, key.data, array);
  }
  ins_text_free(&key);
  return status;
}

ins_status gt_layer_create(ins_value *parameters, size_t index, gt_layer *layer) {
  size_t o = layer->n_out, i = layer->n_in, time[] = {o, i, layer->n_basis};
  size_t space[] = {o, i, 1, layer->size, layer->size}, bias[] = {1, o, 1, 1, 1};
  const struct {
    const char *name;
    int n_dims;
    const size_t *shape;
    float **out;
  } arrays[] = {
      {"conv.sin_weights", 3, time, &layer->sin_weights},
      {"conv.cos_weights", 3, time, &layer->cos_weights},
      {"conv.weight_spatial", 5, space, &layer->space},
      {"norm.weight", 1, &o, &layer->norm_weight},
      {"norm.bias", 1, &o, &layer->norm_bias},
      {"norm.running_mean", 1, &o, &layer->norm_mean},
      {"norm.running_var", 1, &o, &layer->norm_var},
      {"bias.bias", 5, bias, &layer->bias},
  };
  for (size_t a = 0; a < sizeof arrays / sizeof *arrays; a++) {
    ins_status status = new_array(parameters, index, arrays[a].name, arrays[a].n_dims,
                                  arrays[a].shape, arrays[a].out);
    if (status != INS_OK) return status;
  }
  return INS_OK;
}

/* ---- mathematics ----------------------------------------------------------------------------- */

bool gt_solve(size_t n, double *a, double *b) {
  for (size_t j = 0; j < n; j++) {
    for (size_t i = j; i < n; i++) {
      double sum = a[i * n + j];
      for (size_t k = 0; k < j; k++) sum -= a[i * n + k] * a[j * n + k];
      if (i == j && !(sum > 0)) return false;
      a[i * n + j] = i == j ? sqrt(sum) : sum / a[j * n + j];
    }
  }
  for (size_t i = 0; i < n; i++) {
    for (size_t k = 0; k < i; k++) b[i] -= a[i * n + k] * b[k];
    b[i] /= a[i * n + i];
  }
  for (size_t i = n; i-- > 0;) {
    for (size_t k = i + 1; k < n; k++) b[i] -= a[k * n + i] * b[k];
    b[i] /= a[i * n + i];
  }
  return true;
}

double gt_elu(double z) {
  return z > 0 ? z : expm1(z);
}

/* basis[t] of sine (or cosine) k: its phase, under a mask that fades out the oldest frames. */
double gt_basis(const gt_layer *layer, bool cosine, size_t k, size_t t) {
  double length = (double)layer->length, time = (double)t - length;
  double mask = 1 / (1 + exp(-time - floor(0.95 * length)));
  double phase = 2 * M_PI * (double)k * time / length;
  return mask * (cosine ? cos(phase) : sin(phase));
}

void gt_temporal_kernel(const gt_layer *layer, size_t out, size_t in, double *kernel) {
  size_t first = (out * layer->n_in + in) * layer->n_basis;
  for (size_t t = 0; t < layer->length; t++) {
    kernel[t] = 0;
    for (size_t k = 0; k < layer->n_basis; k++)
      kernel[t] += (double)layer->sin_weights[first + k] * gt_basis(layer, false, k, t) +
                   (double)layer->cos_weights[first + k] * gt_basis(layer, true, k, t);
  }
}

void gt_layer_affine(const gt_layer *layer, size_t out, double *gain, double *shift) {
  *gain =
      (double)layer->norm_weight[out] / sqrt((double)layer->norm_var[out] + GT_BATCHNORM_EPSILON);
  *shift = (double)layer->norm_bias[out] + (double)layer->bias[out] -
           *gain * (double)layer->norm_mean[out];
}

/* What the convolution gives when every input channel is constant at `input`. */
double gt_constant_response(const gt_layer *layer, size_t out, const double *input) {
  double total = 0, kernel[GT_MAX_LENGTH];
  size_t area = layer->size * layer->size;
  for (size_t in = 0; in < layer->n_in; in++) {
    double time = 0, space = 0;
    gt_temporal_kernel(layer, out, in, kernel);
    for (size_t t = 0; t < layer->length; t++) time += kernel[t];
    for (size_t i = 0; i < area; i++)
      space += (double)layer->space[(out * layer->n_in + in) * area + i];
    total += input[in] * time * space;
  }
  return total;
}

void gt_grey(const gt_layer layers[GT_LAYERS], double activation[GT_LAYERS][GT_CHANNELS],
             double slope[GT_LAYERS][GT_CHANNELS]) {
  const double stimulus[GT_COLOURS] = {0};
  for (size_t l = 0; l < GT_LAYERS; l++) {
    for (size_t out = 0; out < layers[l].n_out; out++) {
      double gain, shift;
      gt_layer_affine(&layers[l], out, &gain, &shift);
      double z =
          gain * gt_constant_response(&layers[l], out, l ? activation[l - 1] : stimulus) + shift;
      activation[l][out] = gt_elu(z);
      slope[l][out] = z > 0 ? 1 : exp(z);
    }
  }
}
