/* SPDX-License-Identifier: MIT */
#include "model_fixture.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "insilico/memory.h"
#include "insilico/random.h"

static void must(ins_status status) {
  if (status == INS_OK) return;
  fprintf(stderr, "model_fixture: %s\n", ins_message());
  abort();
}

void fixture_normal(uint64_t seed, size_t n, float *out) {
  const ins_stream stream = ins_stream_at(seed, "fixture", NULL, 0);
  ins_stream_normal(&stream, 0, n, out);
}

model_fixture fixture_mouse(int height, int width) {
  return (model_fixture){.seed = 1,
                         .in_shape = {2, 150, height, width},
                         .n_layers = 2,
                         .channels = {16, 16},
                         .kernel_t = {21, 11},
                         .kernel_s = {11, 5},
                         .input_padding = "0",
                         .hidden_padding = "0,2,2",
                         .n_sessions = 2,
                         .n_neurons = {20, 20},
                         .positive = true};
}

model_fixture fixture_small(uint64_t seed) {
  return (model_fixture){.seed = seed,
                         .in_shape = {2, 20, 9, 7},
                         .n_layers = 2,
                         .channels = {5, 4},
                         .kernel_t = {6, 4},
                         .kernel_s = {4, 3},
                         .hidden_padding = "true",
                         .n_sessions = 2,
                         .n_neurons = {3, 2}};
}

/* ---- architecture --------------------------------------------------------------------------- */

static ins_value *int_list(const int *items, int n) {
  ins_value *list = ins_value_list();
  for (int i = 0; i < n; i++) must(ins_list_take(list, ins_value_int(items[i])));
  return list;
}

static ins_value *padding(const char *text) {
  if (!text || strcmp(text, "false") == 0) return ins_value_bool(false);
  if (strcmp(text, "true") == 0) return ins_value_bool(true);
  int by[3];
  const int n = sscanf(text, "%d,%d,%d", &by[0], &by[1], &by[2]);
  if (n == 3) return int_list(by, 3);
  return n == 1 ? ins_value_int(by[0]) : ins_value_text(text);
}

static const char * or (const char *text, const char *fallback) {
  return text ? text : fallback;
}

static bool is_core(const model_fixture *f, const char *kind) {
  return strcmp(or (f->core, "simple"), kind) == 0;
}

static bool has_stack(const model_fixture *f) {
  return is_core(f, "stacked") || is_core(f, "image");
}

/* Layers named by `stack`; the number of them. */
static int stacked_layers(const model_fixture *f, int out[FIXTURE_LAYERS]) {
  int n = 0;
  for (int l = 0; !f->stack && l < f->n_layers; l++) out[n++] = l;
  for (const char *at = f->stack; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL)
    out[n++] = atoi(at);
  return n;
}

/* Channels that the readout reads. */
static int n_features(const model_fixture *f) {
  int layers[FIXTURE_LAYERS], sum = 0;
  if (is_core(f, "dummy")) return f->in_shape[0];
  if (!has_stack(f)) return f->channels[f->n_layers - 1];
  for (int n = stacked_layers(f, layers), i = 0; i < n; i++) sum += f->channels[layers[i]];
  return sum;
}

static ins_value *weights_of_colours(const model_fixture *f) {
  ins_value *list = ins_value_list();
  for (int c = 0; c < f->in_shape[0]; c++) must(ins_list_take(list, ins_value_real(0.5)));
  return list;
}

static void set_simple(ins_value *map, const model_fixture *f) {
  const struct {
    const char *path;
    ins_value *value;
  } settings[] = {
      {"core.input_padding", padding(f->input_padding)},
      {"core.hidden_padding", padding(f->hidden_padding)},
      {"core.dropout_rate", ins_value_real(0)},
      {"core.maxpool_every_n_layers",
       f->maxpool_every ? ins_value_int(f->maxpool_every) : ins_value_null()},
      {"core.downsample_input_kernel_size",
       f->downsample[0] ? int_list(f->downsample, 3) : ins_value_null()},
      {"core.color_squashing_weights", f->squash ? weights_of_colours(f) : ins_value_null()},
  };
  for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
    must(ins_value_set(map, settings[i].path, settings[i].value));
}

static void set_stacked(ins_value *map, const model_fixture *f) {
  int layers[FIXTURE_LAYERS];
  const int n = stacked_layers(f, layers);
  const struct {
    const char *path;
    ins_value *value;
  } settings[] = {
      {"core.input_padding", ins_value_bool(strcmp(or (f->input_padding, "false"), "true") == 0)},
      {"core.hidden_padding",
       is_core(f, "image") ? ins_value_null()
                           : ins_value_bool(strcmp(or (f->hidden_padding, "false"), "true") == 0)},
      {"core.stack", !f->stack ? ins_value_null()
                     : n == 1  ? ins_value_int(layers[0])
                               : int_list(layers, n)},
      {"core.nonlinearity", ins_value_text(or (f->nonlinearity, "ELU"))},
      {"core.batch_norm", ins_value_bool(!f->no_batch_norm)},
      {"core.batch_norm_scale", ins_value_bool(!f->no_scale)},
      {"core.bias", ins_value_bool(!f->no_bias)},
      {"core.final_nonlinearity", ins_value_bool(!f->no_final_nonlinearity)},
      {"core.log_speed", f->log_speed ? ins_value_text("core.log_speed_a") : ins_value_null()},
  };
  for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
    must(ins_value_set(map, settings[i].path, settings[i].value));
}

static ins_value *architecture(const model_fixture *f) {
  ins_value *map = ins_value_map(),
            *channels = int_list(f->squash ? (const int[]){1} : f->in_shape, 1),
            *sessions = ins_value_list();
  for (int l = 0; l < f->n_layers; l++)
    must(ins_list_take(channels, ins_value_int(f->channels[l])));
  for (int s = 0; s < f->n_sessions; s++) {
    ins_value *session = ins_value_map();
    must(ins_map_take(session, "name", ins_value_text(&"a\0b\0c"[2 * s])));
    must(ins_map_take(session, "n_neurons", ins_value_int(f->n_neurons[s])));
    must(ins_list_take(sessions, session));
  }
  must(ins_value_set(map, "in_shape", int_list(f->in_shape, 4)));
  must(ins_value_set(map, "core.kind", ins_value_text(or (f->core, "simple"))));
  must(ins_value_set(map, "core.convolution",
                     ins_value_text(or (f->convolution, "custom_separable"))));
  must(ins_value_set(map, "core.channels", channels));
  must(ins_value_set(map, "core.temporal_kernel_sizes", int_list(f->kernel_t, f->n_layers)));
  must(ins_value_set(map, "core.spatial_kernel_sizes", int_list(f->kernel_s, f->n_layers)));
  must(ins_value_set(map, "core.cut_first_n_frames", ins_value_int(f->cut)));
  if (is_core(f, "simple")) set_simple(map, f);
  if (has_stack(f)) set_stacked(map, f);
  must(ins_value_set(map, "readout.kind", ins_value_text("gaussian_mask")));
  must(ins_value_set(map, "readout.gaussian_mean_scale", ins_value_real(6)));
  must(ins_value_set(map, "readout.gaussian_var_scale", ins_value_real(4)));
  must(ins_value_set(map, "readout.positive", ins_value_bool(f->positive)));
  must(ins_value_set(map, "readout.scale", ins_value_bool(true)));
  must(ins_value_set(map, "readout.bias", ins_value_bool(true)));
  must(ins_value_set(map, "sessions", sessions));
  return map;
}

/* ---- parameters ----------------------------------------------------------------------------- */

typedef struct drawer {
  ins_value *map;
  uint64_t seed;
} drawer;

/* A parameter of normal numbers, mean + spread * n(0,1). */
static void draw(drawer *d, const char *name, float mean, float spread, int n_dims,
                 const size_t *shape) {
  ins_value *value = ins_value_array(INS_F32, n_dims, shape);
  if (!value) must(INS_ERR_MEMORY);
  float *to = value->array.data;
  const size_t n = ins_array_count(&value->array);
  fixture_normal(d->seed++, n, to);
  for (size_t i = 0; i < n; i++) to[i] = mean + spread * to[i];
  must(ins_map_take(d->map, name, value));
}

typedef struct leaf {
  const char *name;
  float mean, spread;
  int n_dims;
  size_t shape[5];
} leaf;

static void draw_leaves(drawer *d, const char *prefix, size_t n, const leaf *leaves) {
  for (size_t j = 0; j < n; j++) {
    char name[96];
    snprintf(name, sizeof name, "%s%s", prefix, leaves[j].name);
    if (leaves[j].n_dims)
      draw(d, name, leaves[j].mean, leaves[j].spread, leaves[j].n_dims, leaves[j].shape);
  }
}

/* sqrt(1 / n), for a sum of n products. */
static float spread_of(size_t n) {
  return 1.0f / sqrtf((float)n);
}

static void draw_convolution(drawer *d, const model_fixture *f, int l, const char *prefix) {
  const size_t o = (size_t)f->channels[l], i = l           ? (size_t)f->channels[l - 1]
                                               : f->squash ? 1
                                                           : (size_t)f->in_shape[0];
  const size_t t = (size_t)f->kernel_t[l], k = t / 3 ? t / 3 : 1, s = (size_t)f->kernel_s[l];
  const char *kind = or (f->convolution, "custom_separable");
  if (strcmp(kind, "custom_separable") == 0)
    draw_leaves(d, prefix, 3,
                (leaf[]){{"conv.sin_weights", 0, 1, 3, {o, i, k}},
                         {"conv.cos_weights", 0, 1, 3, {o, i, k}},
                         {"conv.weight_spatial",
                          0,
                          1.0f / sqrtf((float)(i * k * s * s) * (float)t),
                          5,
                          {o, i, 1, s, s}}});
  if (strcmp(kind, "separable") == 0)
    draw_leaves(d, prefix, 2,
                (leaf[]){{"conv.space_conv.weight", 0, spread_of(i * s * s), 5, {o, i, 1, s, s}},
                         {"conv.time_conv.weight", 0, spread_of(o * t), 5, {o, o, t, 1, 1}}});
  if (strcmp(kind, "full") == 0)
    draw_leaves(d, prefix, 1,
                (leaf[]){{"conv.conv.weight", 0, spread_of(i * t * s * s), 5, {o, i, t, s, s}}});
  if (strcmp(kind, "time_independent") == 0)
    draw_leaves(d, prefix, 1,
                (leaf[]){{"conv.conv.weight", 0, spread_of(i * s * s), 5, {o, i, 1, s, s}}});
  if (f->log_speed && !is_core(f, "stacked"))
    draw_leaves(d, prefix, 1, (leaf[]){{"conv._log_speed_default", 0, 0.2f, 1, {1}}});
}

/* Of an image: [o,i,h,w]. */
static void draw_image_convolution(drawer *d, const model_fixture *f, int l, const char *prefix) {
  const size_t o = (size_t)f->channels[l], s = (size_t)f->kernel_s[l],
               i = (size_t)(l ? f->channels[l - 1] : f->in_shape[0]);
  if (!f->depth_separable || l == 0)
    draw_leaves(d, prefix, 1, (leaf[]){{"conv.weight", 0, spread_of(i * s * s), 4, {o, i, s, s}}});
  else
    draw_leaves(d, prefix, 3,
                (leaf[]){{"ds_conv.in_depth_conv.weight", 0, spread_of(i), 4, {o, i, 1, 1}},
                         {"ds_conv.spatial_conv.weight", 0, spread_of(s * s), 4, {o, 1, s, s}},
                         {"ds_conv.out_depth_conv.weight", 0, spread_of(o), 4, {o, o, 1, 1}}});
}

static void draw_layer(drawer *d, const model_fixture *f, int l) {
  const size_t o = (size_t)f->channels[l];
  const bool simple = is_core(f, "simple");
  const bool norm = simple || !f->no_batch_norm, affine = simple || !(f->no_scale || f->no_bias);
  const bool bias = simple || (!f->no_bias && f->no_scale), scale = f->no_bias && !f->no_scale;
  char prefix[64];
  snprintf(prefix, sizeof prefix, "core.features.layer%d.", l);
  if (is_core(f, "image"))
    draw_image_convolution(d, f, l, prefix);
  else
    draw_convolution(d, f, l, prefix);
  if (!norm) return;
  draw_leaves(d, prefix, 6,
              (leaf[]){{"norm.weight", 1, 0.2f, affine, {o}},
                       {"norm.bias", 0, 0.2f, affine, {o}},
                       {"norm.running_mean", 0, 0.3f, 1, {o}},
                       {"norm.running_var", 1, 0.1f, 1, {o}},
                       {"bias.bias", 0, 0.2f, bias ? 5 : 0, {1, o, 1, 1, 1}},
                       {"scale.scale", 1, 0.2f, scale ? 5 : 0, {1, o, 1, 1, 1}}});
}

static void draw_core(drawer *d, const model_fixture *f) {
  if (is_core(f, "dummy")) return;
  for (int l = 0; l < f->n_layers; l++) draw_layer(d, f, l);
  if (f->log_speed && is_core(f, "stacked"))
    draw_leaves(d, "core.", 1, (leaf[]){{"log_speed_a", 0.2f, 0.1f, 1, {1}}});
  if (f->squash)
    draw_leaves(d, "core.color_squashing_layer.", 1,
                (leaf[]){{"channel_weights", 0.5f, 0.5f, 1, {(size_t)f->in_shape[0]}}});
}

static void draw_session(drawer *d, const model_fixture *f, int s) {
  const size_t n = (size_t)f->n_neurons[s], c = (size_t)n_features(f);
  char prefix[64];
  snprintf(prefix, sizeof prefix, "readout.%c.", 'a' + s);
  draw_leaves(d, prefix, 5,
              (leaf[]){{"mask_mean", 0, 0.07f, 2, {n, 2}},
                       {"mask_log_var", -0.5f, 0.2f, 1, {n}},
                       {"features", 0.3f, 0.5f, 4, {1, c, 1, n}},
                       {"scale_param", 1, 0.2f, 1, {n}},
                       {"bias", 0, 0.3f, 1, {n}}});
}

/* ---- sources -------------------------------------------------------------------------------- */

ins_model_source *fixture_source(const model_fixture *f) {
  ins_model_source *source;
  must(ins_alloc(1, sizeof *source, &source));
  source->architecture = architecture(f);
  source->parameters = ins_value_map();
  source->data_info = ins_value_map();
  source->provenance = ins_value_map();
  drawer d = {source->parameters, f->seed * 1000};
  draw_core(&d, f);
  for (int s = 0; s < f->n_sessions; s++) draw_session(&d, f, s);
  return source;
}

ins_model *fixture_model(const model_fixture *f) {
  ins_model_source *source = fixture_source(f);
  ins_model *model;
  must(ins_model_create(source, &model));
  ins_model_source_destroy(&source);
  return model;
}
