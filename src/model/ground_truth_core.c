/* SPDX-License-Identifier: MIT */
/* The two layers of the built-in retina, from tables.
 *
 * Layer 0 is the outer retina: 16 kinds of subunits with a difference-of-Gaussians profile, a time
 * course and a mixture of the two colours. Layer 1 is the inner retina: 32 channels that pool
 * subunits of one kind, of opposite polarities, or, for direction selectivity, excitation and
 * displaced slow inhibition.
 *
 * A pair of channels can only hold a product of a profile in space and a course in time. What needs
 * two products (excitation here and now, inhibition there and later) reads the same subunit from
 * two equal channels of layer 0.
 */
#include <math.h>

#include "ground_truth_design.h"

enum { MAX_BASIS = 13, MAX_SIZE = 11, N_SUBUNITS = 16, N_OTHER = 16 };

static const gt_layer shapes[GT_LAYERS] = {
    {.n_out = N_SUBUNITS, .n_in = GT_COLOURS, .length = 21, .size = 11, .n_basis = 7},
    {.n_out = GT_CHANNELS, .n_in = N_SUBUNITS, .length = 11, .size = 5, .n_basis = 3},
};

/* ---- tables ---------------------------------------------------------------------------------- */

/* Time courses: a lobe that peaks `fast` frames ago less `balance` of one that peaks `slow` ago. */
typedef struct kinetics {
  double fast, slow, balance;
} kinetics;
static const kinetics sustained = {3.0, 7.0, 0.15}, transient = {2.6, 5.5, 1.0},
                      starburst = {3.5, 4.5, 0.9};

/* A subunit answers a full step of contrast 1 in both colours with 1 before `gain`. The surround
 * has twice the centre's SD. `shift` below 0 puts the foot of the ELU at grey: such subunits
 * rectify. */
typedef struct subunit {
  const kinetics *time;
  double centre_sd, surround, green, uv, gain, shift;
} subunit;

static const subunit subunits[N_SUBUNITS] = {
    /* ON and OFF, each twice, for excitation and for inhibition of direction-selective cells */
    {&starburst, 1.2, 0.5, +0.55, +0.45, 7.5, -0.6},
    {&starburst, 1.2, 0.5, +0.55, +0.45, 7.5, -0.6},
    {&starburst, 1.2, 0.5, -0.55, -0.45, 7.5, -0.6},
    {&starburst, 1.2, 0.5, -0.55, -0.45, 7.5, -0.6},
    {&sustained, 1.0, 0.7, +0.60, +0.40, 4.0, 0.0},
    {&sustained, 1.0, 0.7, -0.35, -0.65, 4.0, 0.0},
    {&transient, 1.0, 0.7, +0.50, +0.50, 4.0, 0.0},
    {&transient, 1.0, 0.7, -0.45, -0.55, 4.0, 0.0},
    {&sustained, 2.0, 0.8, +0.60, +0.40, 4.0, 0.0},
    {&sustained, 2.0, 0.8, -0.35, -0.65, 4.0, 0.0},
    {&transient, 2.0, 0.8, +0.50, +0.50, 4.0, 0.0},
    {&transient, 2.0, 0.8, -0.45, -0.55, 4.0, 0.0},
    {&sustained, 1.2, 0.3, +1.00, -0.80, 3.0, 0.0},
    {&sustained, 1.2, 0.3, -0.80, +1.00, 3.0, 0.0},
    {&sustained, 1.2, 0.7, +0.10, +0.90, 4.0, 0.0},
    {&sustained, 1.2, 0.7, -0.90, -0.10, 4.0, 0.0},
};
enum { ON_EXCITATION, ON_INHIBITION, OFF_EXCITATION, OFF_INHIBITION };

/* Weight of OFF input where ON and OFF meet. Not 1: the two would cancel in the gradient at grey,
 * where stimulus optimisation starts. */
static const double off_share = 0.5;

/* How channels of layer 1 pool: a Gaussian of SD pool_sd, a pulse of `lag` +- `spread` frames. */
static const double quick_lag = 0.5, quick_spread = 1.2;
static const double direction_gain = 3.5;
static const double inhibition_lag = 4.3, inhibition_spread = 2.9;

typedef struct other_kind {
  const char *type;
  int polarity;
  bool transient;
  int source, opposite; /* subunits; opposite -1: none */
  double pool_sd, gain;
} other_kind;

static const other_kind others[N_OTHER] = {
    {"on_sustained_small", +1, false, 4, -1, 0.6, 2},
    {"off_sustained_small", -1, false, 5, -1, 0.6, 2},
    {"on_transient_small", +1, true, 6, -1, 0.6, 2},
    {"off_transient_small", -1, true, 7, -1, 0.6, 2},
    {"green_on_uv_off_small", +1, false, 12, -1, 0.6, 2},
    {"uv_on_green_off_small", +1, false, 13, -1, 0.6, 2},
    {"on_off_transient_small", 0, true, ON_EXCITATION, OFF_EXCITATION, 0.6, 1},
    {"on_sustained_large", +1, false, 8, -1, 0.8, 2},
    {"off_sustained_large", -1, false, 9, -1, 0.8, 2},
    {"on_transient_large", +1, true, 10, -1, 0.8, 2},
    {"off_transient_large", -1, true, 11, -1, 0.8, 2},
    {"green_on_uv_off_large", +1, false, 12, -1, 1.3, 2},
    {"uv_on_green_off_large", +1, false, 13, -1, 1.3, 2},
    {"on_off_transient_large", 0, true, ON_EXCITATION, OFF_EXCITATION, 1.3, 1},
    {"uv_on_sustained", +1, false, 14, -1, 0.6, 2},
    {"green_off_sustained", -1, false, 15, -1, 0.6, 2},
};

gt_kind gt_kind_of_channel(size_t channel) {
  if (channel >= GT_DIRECTIONS) {
    const other_kind *o = &others[channel - GT_DIRECTIONS];
    return (gt_kind){.type = o->type,
                     .group = (int)(channel - GT_DIRECTIONS),
                     .polarity = o->polarity,
                     .transient = o->transient,
                     .direction_deg = NAN,
                     .scale = 2,
                     .bias = -2};
  }
  return (gt_kind){.type = "on_off_direction_selective",
                   .group = N_OTHER,
                   .polarity = 0,
                   .transient = true,
                   .direction_deg = 360.0 * (double)channel / GT_DIRECTIONS,
                   .scale = 2.7,
                   .bias = -2.5};
}

size_t gt_channel_of_neuron(size_t k) {
  size_t turn = k / 2 % GT_DIRECTIONS;
  if (k % 2 == 0) return GT_DIRECTIONS + turn;
  /* Bits reversed, so that few neurons already have directions far apart: 0, 180, 90, 270, ... */
  return (turn & 1) << 3 | (turn & 2) << 1 | (turn & 4) >> 1 | (turn & 8) >> 3;
}

/* Multiples of 2^-20: mathematical libraries differ in the last bit of exp and sin, and the
 * weights, whose hash names the model, should not. */
static float rounded(double x) {
  return (float)(round(x * 0x1p20) * 0x1p-20);
}

/* ---- time ------------------------------------------------------------------------------------ */

/* Least squares for `wanted` [length]: weights[0..K-2] of sines 1.., then of the K cosines. What
 * the basis makes of them goes to wanted. (Sine 0 is zero.) */
static void fit_time(const gt_layer *layer, double *wanted, double *weights) {
  double a[MAX_BASIS * MAX_BASIS] = {0}, column[MAX_BASIS][GT_MAX_LENGTH];
  size_t k_sines = layer->n_basis - 1, n = 2 * layer->n_basis - 1;
  for (size_t j = 0; j < n; j++) {
    weights[j] = 0;
    for (size_t t = 0; t < layer->length; t++) {
      column[j][t] =
          j < k_sines ? gt_basis(layer, false, j + 1, t) : gt_basis(layer, true, j - k_sines, t);
      weights[j] += column[j][t] * wanted[t];
    }
    for (size_t i = 0; i <= j; i++)
      for (size_t t = 0; t < layer->length; t++) a[j * n + i] += column[j][t] * column[i][t];
  }
  gt_solve(n, a, weights); /* the columns are independent: a is positive definite */
  for (size_t t = 0; t < layer->length; t++) {
    wanted[t] = 0;
    for (size_t j = 0; j < n; j++) wanted[t] += weights[j] * column[j][t];
  }
}

/* Stores scale * (the fitted course) for a pair of channels. */
static void store_time(gt_layer *layer, size_t out, size_t in, const double *weights,
                       double scale) {
  size_t first = (out * layer->n_in + in) * layer->n_basis, k_sines = layer->n_basis - 1;
  for (size_t k = 0; k < layer->n_basis; k++) {
    layer->sin_weights[first + k] = k ? rounded(scale * weights[k - 1]) : 0;
    layer->cos_weights[first + k] = rounded(scale * weights[k_sines + k]);
  }
}

/* A lobe (t/peak)^3 e^(3 - 3t/peak) over `length` frames ending now, of sum 1, added with `weight`.
 */
static void add_lobe(double *course, size_t length, double peak, double weight) {
  double lobe[GT_MAX_LENGTH], sum = 0;
  for (size_t t = 0; t < length; t++) {
    double x = ((double)(length - 1 - t) + 0.5) / peak;
    sum += lobe[t] = x * x * x * exp(3 - 3 * x);
  }
  for (size_t t = 0; t < length; t++) course[t] += weight * lobe[t] / sum;
}

/* The course of a subunit, scaled so that a step is answered with 1 at its largest. */
static void set_kinetics(gt_layer *layer, size_t out, const kinetics *k) {
  double course[GT_MAX_LENGTH] = {0}, weights[MAX_BASIS], step = 0, largest = 0;
  add_lobe(course, layer->length, k->fast, 1);
  add_lobe(course, layer->length, k->slow, -k->balance);
  fit_time(layer, course, weights);
  for (size_t t = layer->length; t-- > 0;) {
    step += course[t];
    largest = fmax(largest, step);
  }
  for (size_t in = 0; in < layer->n_in; in++) store_time(layer, out, in, weights, 1 / largest);
}

/* A pulse `lag` frames ago, sum of magnitudes 1. */
static void set_pulse(gt_layer *layer, size_t out, size_t in, double lag, double spread) {
  double course[GT_MAX_LENGTH], weights[MAX_BASIS], sum = 0;
  for (size_t t = 0; t < layer->length; t++) {
    double x = ((double)(layer->length - 1 - t) - lag) / spread;
    course[t] = exp(-x * x / 2);
  }
  fit_time(layer, course, weights);
  for (size_t t = 0; t < layer->length; t++) sum += fabs(course[t]);
  store_time(layer, out, in, weights, 1 / sum);
}

/* ---- space ----------------------------------------------------------------------------------- */

/* profile[h,w] += weight * Gaussian of sum 1 around (row, column) from the middle, cut to a disc.
 */
static void add_gaussian(double *profile, size_t size, double row, double column, double sd,
                         double weight) {
  double kernel[MAX_SIZE * MAX_SIZE], sum = 0, middle = (double)(size - 1) / 2;
  for (size_t i = 0; i < size * size; i++) {
    double y = (double)(i / size) - middle, x = (double)(i % size) - middle;
    bool inside = size < MAX_SIZE || y * y + x * x <= (middle + 0.5) * (middle + 0.5);
    y -= row, x -= column;
    kernel[i] = inside ? exp(-(x * x + y * y) / (2 * sd * sd)) : 0;
    sum += kernel[i];
  }
  for (size_t i = 0; i < size * size; i++) profile[i] += weight * kernel[i] / sum;
}

static void store_space(gt_layer *layer, size_t out, size_t in, const double *profile,
                        double scale) {
  size_t area = layer->size * layer->size, first = (out * layer->n_in + in) * area;
  for (size_t i = 0; i < area; i++) layer->space[first + i] = rounded(scale * profile[i]);
}

/* ---- layers ---------------------------------------------------------------------------------- */

/* ELU(gain * (z - mean) + shift) as BatchNorm and extra bias. Variances and the split of the shift
 * are chosen unlike each other, so that a reader which ignores one of them is found out. */
static void set_affine(gt_layer *layer, size_t out, double mean, double gain, double shift) {
  double variance = 0.09 + 0.01 * (double)out, bias = 0.125 * ((double)(out % 3) - 1);
  layer->norm_mean[out] = rounded(mean);
  layer->norm_var[out] = rounded(variance);
  layer->norm_weight[out] = rounded(gain * sqrt(variance + GT_BATCHNORM_EPSILON));
  layer->norm_bias[out] = rounded(bias);
  layer->bias[out] = rounded(shift - bias);
}

static void make_subunits(gt_layer *layer) {
  for (size_t out = 0; out < N_SUBUNITS; out++) {
    const subunit *s = &subunits[out];
    double profile[MAX_SIZE * MAX_SIZE] = {0};
    add_gaussian(profile, layer->size, 0, 0, s->centre_sd, 1);
    add_gaussian(profile, layer->size, 0, 0, 2 * s->centre_sd, -s->surround);
    store_space(layer, out, 0, profile, s->green);
    store_space(layer, out, 1, profile, s->uv);
    set_kinetics(layer, out, s->time);
    set_affine(layer, out, 0, s->gain, s->shift);
  }
}

/* Excitation reaches a direction-selective channel from upstream, at once. Inhibition comes from a
 * wide region shifted downstream, late and long: of something that moves the preferred way it
 * arrives after the excitation, of something that moves the other way together with it (Barlow &
 * Levick 1965). */
static void connect_direction(gt_layer *layer, size_t out) {
  double angle = gt_kind_of_channel(out).direction_deg * M_PI / 180;
  double row = -sin(angle), column = cos(angle); /* of a step downstream; rows grow downwards */
  double excitation[MAX_SIZE * MAX_SIZE] = {0}, inhibition[MAX_SIZE * MAX_SIZE] = {0};
  add_gaussian(excitation, layer->size, -row, -column, 0.65, 1);
  add_gaussian(inhibition, layer->size, 1.1 * row, 1.1 * column, 1.3, -1.5);
  add_gaussian(inhibition, layer->size, -1.1 * row, -1.1 * column, 1.3, -0.45);
  static const struct {
    size_t in;
    bool excites;
  } inputs[] = {{ON_EXCITATION, true},
                {ON_INHIBITION, false},
                {OFF_EXCITATION, true},
                {OFF_INHIBITION, false}};
  for (size_t i = 0; i < sizeof inputs / sizeof *inputs; i++) {
    size_t in = inputs[i].in;
    double share = in == OFF_EXCITATION || in == OFF_INHIBITION ? off_share : 1;
    store_space(layer, out, in, inputs[i].excites ? excitation : inhibition, share);
    if (inputs[i].excites)
      set_pulse(layer, out, in, quick_lag, quick_spread);
    else
      set_pulse(layer, out, in, inhibition_lag, inhibition_spread);
  }
}

static void connect_other(gt_layer *layer, size_t out) {
  const other_kind *o = &others[out - GT_DIRECTIONS];
  double profile[MAX_SIZE * MAX_SIZE] = {0};
  add_gaussian(profile, layer->size, 0, 0, o->pool_sd, 1);
  store_space(layer, out, (size_t)o->source, profile, 1);
  set_pulse(layer, out, (size_t)o->source, quick_lag, quick_spread);
  if (o->opposite < 0) return;
  store_space(layer, out, (size_t)o->opposite, profile, off_share);
  set_pulse(layer, out, (size_t)o->opposite, quick_lag, quick_spread);
}

static void make_channels(gt_layer *layer, const gt_layer *below) {
  double grey[N_SUBUNITS], gain, shift;
  for (size_t in = 0; in < N_SUBUNITS; in++) {
    gt_layer_affine(below, in, &gain, &shift);
    grey[in] = gt_elu(shift);
  }
  for (size_t out = 0; out < GT_CHANNELS; out++) {
    const other_kind *o = out < GT_DIRECTIONS ? NULL : &others[out - GT_DIRECTIONS];
    if (o)
      connect_other(layer, out);
    else
      connect_direction(layer, out);
    set_affine(layer, out, gt_constant_response(layer, out, grey), o ? o->gain : direction_gain, 0);
  }
}

ins_status gt_core_create(ins_value *parameters, gt_layer layers[GT_LAYERS]) {
  for (size_t l = 0; l < GT_LAYERS; l++) {
    layers[l] = shapes[l];
    ins_status status = gt_layer_create(parameters, l, &layers[l]);
    if (status != INS_OK) return status;
  }
  make_subunits(&layers[0]);
  make_channels(&layers[1], &layers[0]);
  return INS_OK;
}
