/* SPDX-License-Identifier: MIT */
/* The built-in retina as a model source: cells, readout, data_info, truth (docs/ground-truth.md).
 */
#include "insilico/ground_truth.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "ground_truth_design.h"
#include "insilico/memory.h"
#include "insilico/random.h"

enum { DEFAULT_NEURONS = 64, MOST_NEURONS = 1000000, VERSION = 1 };

static const char session_name[] = "ground_truth";
static const double pixel_size_um = 25, rate_hz = 30;

/* ---- cells ----------------------------------------------------------------------------------- */

typedef struct cell {
  size_t channel;
  double row, column, sd; /* of the mask, in pixels of the last feature map */
} cell;

/* Cells of a kind follow each other on a low-discrepancy sequence (Roberts 2018: powers of the
 * inverse of the plastic number), turned by the seed: any number of them covers the field evenly,
 * and none moves when more are asked for. */
static cell cell_place(uint64_t seed, size_t k) {
  static const double step[2] = {0.7548776662466927, 0.5698402909980532};
  size_t channel = gt_channel_of_neuron(k), turn = k / GT_CHANNELS;
  int64_t of_kind = (int64_t)channel, of_cell = (int64_t)k;
  double start[2], size;
  ins_stream kinds = ins_stream_at(seed, "ground_truth.mosaic", &of_kind, 1);
  ins_stream cells = ins_stream_at(seed, "ground_truth.size", &of_cell, 1);
  ins_stream_uniform(&kinds, 0, 2, start);
  ins_stream_uniform(&cells, 0, 1, &size);
  cell c = {.channel = channel, .sd = 0.6 + 0.6 * size};
  double margin = fmax(2, 2.5 * c.sd), at[2];
  for (int axis = 0; axis < 2; axis++) {
    double u = start[axis] + (double)turn * step[axis];
    at[axis] = u - floor(u);
  }
  c.row = margin + at[0] * (GT_MAP_HEIGHT - 1 - 2 * margin);
  c.column = margin + at[1] * (GT_MAP_WIDTH - 1 - 2 * margin);
  return c;
}

/* ---- readout --------------------------------------------------------------------------------- */

typedef struct readout {
  size_t n;
  float *mean, *log_var, *features, *scale, *bias; /* [n,2] [n] [1,c,1,n] [n] [n] */
} readout;

/* Coordinate of pixel i of n: the grid spans +-n/longest. */
static double grid(double i, size_t n) {
  double half = (double)n / GT_MAP_HEIGHT;
  return -half + 2 * half * i / (double)(n - 1);
}

/* Pixels to grid units; the two axes differ by one part in a hundred, a mask has one variance. */
static double grid_step(void) {
  return sqrt((grid(1, GT_MAP_HEIGHT) - grid(0, GT_MAP_HEIGHT)) *
              (grid(1, GT_MAP_WIDTH) - grid(0, GT_MAP_WIDTH)));
}

static float *new_array(ins_value *map, const char *name, int n_dims, const size_t *shape,
                        ins_status *status) {
  if (*status != INS_OK) return NULL;
  ins_value *array = ins_value_array(INS_F32, n_dims, shape);
  float *data = array ? array->array.data : NULL;
  *status = ins_map_take(map, name, array);
  return data;
}

static ins_status readout_create(ins_value *parameters, size_t n, readout *r) {
  ins_status status = INS_OK;
  size_t mean[] = {n, 2}, features[] = {1, GT_CHANNELS, 1, n};
  r->n = n;
  r->mean = new_array(parameters, "readout.ground_truth.mask_mean", 2, mean, &status);
  r->log_var = new_array(parameters, "readout.ground_truth.mask_log_var", 1, &n, &status);
  r->features = new_array(parameters, "readout.ground_truth.features", 4, features, &status);
  r->scale = new_array(parameters, "readout.ground_truth.scale_param", 1, &n, &status);
  r->bias = new_array(parameters, "readout.ground_truth.bias", 1, &n, &status);
  return status;
}

/* Connects neuron k; `grey` is the activation of its channel at grey, which the bias takes away. */
static void readout_set(readout *r, size_t k, const cell *c, double grey) {
  gt_kind kind = gt_kind_of_channel(c->channel);
  r->mean[2 * k] = (float)(grid(c->row, GT_MAP_HEIGHT) / GT_MEAN_SCALE);
  r->mean[2 * k + 1] = (float)(grid(c->column, GT_MAP_WIDTH) / GT_MEAN_SCALE);
  r->log_var[k] = (float)(2 * log(c->sd * grid_step()) / GT_VAR_SCALE);
  r->features[c->channel * r->n + k] = 1;
  r->scale[k] = (float)kind.scale;
  r->bias[k] = (float)(kind.bias - kind.scale * grey);
}

/* The mask that the stored numbers mean, sum 1. */
static void readout_mask(const readout *r, size_t k, double *mask) {
  double variance = exp(GT_VAR_SCALE * (double)r->log_var[k]) + 1e-8, sum = 0;
  double row = GT_MEAN_SCALE * (double)r->mean[2 * k];
  double column = GT_MEAN_SCALE * (double)r->mean[2 * k + 1];
  for (size_t i = 0; i < GT_MAP_HEIGHT * GT_MAP_WIDTH; i++) {
    double y = grid((double)(i / GT_MAP_WIDTH), GT_MAP_HEIGHT) - row;
    double x = grid((double)(i % GT_MAP_WIDTH), GT_MAP_WIDTH) - column;
    mask[i] = exp(-0.5 * fmin((x * x + y * y) / variance, 20));
    sum += mask[i];
  }
  for (size_t i = 0; i < GT_MAP_HEIGHT * GT_MAP_WIDTH; i++) mask[i] /= sum;
}

/* ---- truth ----------------------------------------------------------------------------------- */

static const char *const numbers[] = {"polarity",
                                      "transient",
                                      "x_px",
                                      "y_px",
                                      "x_um",
                                      "y_um",
                                      "sigma_um",
                                      "preferred_direction_deg",
                                      "colour_preference",
                                      "surround_index",
                                      "mask_x_px",
                                      "mask_y_px",
                                      "mask_sigma_px"};
enum { N_NUMBERS = sizeof numbers / sizeof *numbers };

/* One neuron's numbers, in the order of `numbers`. */
static void truth_of(const readout *r, size_t k, const cell *c, const gt_field *field,
                     double out[N_NUMBERS]) {
  double mask[GT_MAP_HEIGHT * GT_MAP_WIDTH];
  readout_mask(r, k, mask);
  gt_kind kind = gt_kind_of_channel(c->channel);
  gt_receptive_field rf = gt_receptive_field_of(field, mask);
  double colour = (field->green - field->uv) / (fabs(field->green) + fabs(field->uv));
  /* Strength counts in the cell's own polarity: that of the stronger colour. */
  bool off = fabs(field->green) > fabs(field->uv) ? field->green < 0 : field->uv < 0;
  const double values[N_NUMBERS] = {kind.polarity,
                                    kind.transient,
                                    rf.column,
                                    rf.row,
                                    rf.column * pixel_size_um,
                                    rf.row * pixel_size_um,
                                    rf.sigma * pixel_size_um,
                                    kind.direction_deg,
                                    off ? -colour : colour,
                                    rf.surround_index,
                                    c->column + GT_BORDER,
                                    c->row + GT_BORDER,
                                    c->sd};
  for (size_t i = 0; i < N_NUMBERS; i++) out[i] = values[i];
}

static ins_status type_names(size_t n, ins_value *map, const char *key) {
  ins_value *list = ins_value_list();
  ins_status status = list ? INS_OK : INS_ERR_MEMORY;
  for (size_t k = 0; k < n && status == INS_OK; k++)
    status = ins_list_take(list, ins_value_text(gt_kind_of_channel(gt_channel_of_neuron(k)).type));
  if (status == INS_OK) return ins_map_take(map, key, list);
  ins_value_destroy(&list);
  return status;
}

/* Readout and truth together: the truth is computed from the numbers just stored. */
static ins_status make_cells(uint64_t seed, size_t n, const gt_layer layers[GT_LAYERS],
                             ins_value *parameters, ins_value *truth) {
  double activation[GT_LAYERS][GT_CHANNELS], slope[GT_LAYERS][GT_CHANNELS], values[N_NUMBERS];
  double *columns[N_NUMBERS];
  readout r;
  gt_field *fields = NULL;
  ins_status status = readout_create(parameters, n, &r);
  if (status == INS_OK) status = type_names(n, truth, "cell_type");
  for (size_t i = 0; i < N_NUMBERS && status == INS_OK; i++) {
    ins_value *array = ins_value_array(INS_F64, 1, &n);
    columns[i] = array ? array->array.data : NULL;
    status = ins_map_take(truth, numbers[i], array);
  }
  if (status == INS_OK) status = gt_fields_create(layers, &fields);
  if (status != INS_OK) goto done;
  gt_grey(layers, activation, slope);
  for (size_t k = 0; k < n; k++) {
    cell c = cell_place(seed, k);
    readout_set(&r, k, &c, activation[GT_LAYERS - 1][c.channel]);
    truth_of(&r, k, &c, &fields[c.channel], values);
    for (size_t i = 0; i < N_NUMBERS; i++) columns[i][k] = values[i];
  }
done:
  ins_free(&fields);
  return status;
}

/* ---- trees ----------------------------------------------------------------------------------- */

typedef struct pair {
  const char *path;
  ins_value *item;
} pair;

/* Sets all items, or destroys those it could not set; map may be NULL (out of memory). */
static ins_status set_all(ins_value *map, pair *pairs, size_t n) {
  ins_status status = map ? INS_OK : INS_ERR_MEMORY;
  for (size_t i = 0; i < n; i++) {
    if (status == INS_OK)
      status = ins_value_set(map, pairs[i].path, pairs[i].item);
    else
      ins_value_destroy(&pairs[i].item);
  }
  return status;
}

static ins_value *integers(size_t n, const int64_t *values) {
  ins_value *list = ins_value_list();
  for (size_t i = 0; i < n && list; i++)
    if (ins_list_take(list, ins_value_int(values[i])) != INS_OK) ins_value_destroy(&list);
  return list;
}
#define INTEGERS(...)                                                                              \
  integers(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t), (int64_t[]){__VA_ARGS__})

static ins_value *sessions(size_t n) {
  ins_value *list = ins_value_list(), *session = ins_value_map();
  pair pairs[] = {{"name", ins_value_text(session_name)}, {"n_neurons", ins_value_int((int64_t)n)}};
  ins_status status = set_all(session, pairs, sizeof pairs / sizeof *pairs);
  if (status == INS_OK && list)
    status = ins_list_take(list, session);
  else
    ins_value_destroy(&session);
  if (status != INS_OK) ins_value_destroy(&list);
  return list;
}

static ins_status make_architecture(size_t n, const gt_layer layers[GT_LAYERS], ins_value *map) {
  int64_t l0 = (int64_t)layers[0].length, l1 = (int64_t)layers[1].length;
  int64_t s0 = (int64_t)layers[0].size, s1 = (int64_t)layers[1].size;
  int64_t n0 = (int64_t)layers[0].n_out;
  pair pairs[] = {
      {"in_shape", INTEGERS(GT_COLOURS, GT_FRAMES, GT_HEIGHT, GT_WIDTH)},
      {"core.kind", ins_value_text("simple")},
      {"core.convolution", ins_value_text("custom_separable")},
      {"core.channels", INTEGERS(GT_COLOURS, n0, GT_CHANNELS)},
      {"core.temporal_kernel_sizes", INTEGERS(l0, l1)},
      {"core.spatial_kernel_sizes", INTEGERS(s0, s1)},
      {"core.input_padding", ins_value_int(0)},
      {"core.hidden_padding", ins_value_int(0)},
      {"core.cut_first_n_frames", ins_value_int(0)},
      {"core.dropout_rate", ins_value_real(0)},
      {"core.maxpool_every_n_layers", ins_value_null()},
      {"core.downsample_input_kernel_size", ins_value_null()},
      {"core.color_squashing_weights", ins_value_null()},
      {"readout.kind", ins_value_text("gaussian_mask")},
      {"readout.gaussian_mean_scale", ins_value_real(GT_MEAN_SCALE)},
      {"readout.gaussian_var_scale", ins_value_real(GT_VAR_SCALE)},
      {"readout.positive", ins_value_bool(true)},
      {"readout.scale", ins_value_bool(true)},
      {"readout.bias", ins_value_bool(true)},
      {"sessions", sessions(n)},
  };
  return set_all(map, pairs, sizeof pairs / sizeof *pairs);
}

/* What openretina keeps of each session. */
static ins_value *session_facts(size_t n) {
  ins_value *facts = ins_value_map(), *groups = ins_value_array(INS_I64, 1, &n),
            *ids = ins_value_array(INS_I64, 1, &n);
  for (size_t k = 0; k < n && groups && ids; k++) {
    ((int64_t *)groups->array.data)[k] = gt_kind_of_channel(gt_channel_of_neuron(k)).group;
    ((int64_t *)ids->array.data)[k] = (int64_t)k + 1;
  }
  pair pairs[] = {{"group_assignment", groups}, {"roi_ids", ids}};
  ins_status status = set_all(facts, pairs, sizeof pairs / sizeof *pairs);
  if (status == INS_OK) status = type_names(n, facts, "cell_type");
  if (status != INS_OK) ins_value_destroy(&facts);
  return facts;
}

static ins_status make_data_info(size_t n, ins_value *map) {
  pair pairs[] = {
      {"input_shape", INTEGERS(GT_COLOURS, GT_HEIGHT, GT_WIDTH)},
      {"n_neurons_dict.ground_truth", ins_value_int((int64_t)n)},
      {"sessions_kwargs.ground_truth", session_facts(n)},
      /* Bytes of an image become contrasts from -2.5 to 2.5. */
      {"stim_mean", ins_value_real(127.5)},
      {"stim_std", ins_value_real(51)},
      {"stimulus_rate_hz", ins_value_real(rate_hz)},
      {"response_rate_hz", ins_value_real(rate_hz)},
      {"retina_pixel_size_um", ins_value_real(pixel_size_um)},
      {"stimulus_class", ins_value_text(session_name)},
      {"animal_species", ins_value_text("synthetic")},
      {"model_cut_frames", ins_value_int(GT_LAG)},
  };
  return set_all(map, pairs, sizeof pairs / sizeof *pairs);
}

/* The seed may exceed what an integer of a tree holds: text. */
static ins_status make_provenance(uint64_t seed, size_t n, ins_value *map) {
  char text[24];
  snprintf(text, sizeof text, "%" PRIu64, seed);
  pair pairs[] = {
      {"format", ins_value_text("builtin:ground_truth")},
      {"version", ins_value_int(VERSION)},
      {"n_neurons", ins_value_int((int64_t)n)},
      {"seed", ins_value_text(text)},
  };
  return set_all(map, pairs, sizeof pairs / sizeof *pairs);
}

ins_status ins_ground_truth_create(const ins_ground_truth_spec *spec, ins_model_source **out) {
  size_t n = spec->n_neurons ? spec->n_neurons : DEFAULT_NEURONS;
  gt_layer layers[GT_LAYERS];
  *out = NULL;
  if (n > MOST_NEURONS)
    return ins_fail(INS_ERR_ARGUMENT,
                    "builtin:ground_truth: %zu neurons were asked for; it makes at most %d", n,
                    MOST_NEURONS);
  ins_model_source *source;
  ins_status status = ins_alloc(1, sizeof *source, &source);
  if (status != INS_OK) return status;
  ins_value **trees[] = {&source->architecture, &source->parameters, &source->data_info,
                         &source->provenance, &source->truth};
  for (size_t i = 0; i < sizeof trees / sizeof *trees && status == INS_OK; i++)
    if (!(*trees[i] = ins_value_map())) status = INS_ERR_MEMORY;
  if (status == INS_OK) status = gt_core_create(source->parameters, layers);
  if (status == INS_OK)
    status = make_cells(spec->seed, n, layers, source->parameters, source->truth);
  if (status == INS_OK) status = make_architecture(n, layers, source->architecture);
  if (status == INS_OK) status = make_data_info(n, source->data_info);
  if (status == INS_OK) status = make_provenance(spec->seed, n, source->provenance);
  if (status == INS_OK)
    *out = source;
  else
    ins_model_source_destroy(&source);
  return status;
}
