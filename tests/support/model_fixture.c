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

static ins_value *architecture(const model_fixture *f) {
  ins_value *map = ins_value_map(), *channels = int_list(f->in_shape, 1),
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
  must(ins_value_set(map, "core.kind", ins_value_text("simple")));
  must(ins_value_set(map, "core.convolution", ins_value_text("custom_separable")));
  must(ins_value_set(map, "core.channels", channels));
  must(ins_value_set(map, "core.temporal_kernel_sizes", int_list(f->kernel_t, f->n_layers)));
  must(ins_value_set(map, "core.spatial_kernel_sizes", int_list(f->kernel_s, f->n_layers)));
  must(ins_value_set(map, "core.input_padding", padding(f->input_padding)));
  must(ins_value_set(map, "core.hidden_padding", padding(f->hidden_padding)));
  must(ins_value_set(map, "core.cut_first_n_frames", ins_value_int(f->cut)));
  must(ins_value_set(map, "core.dropout_rate", ins_value_real(0)));
  must(ins_value_set(map, "core.maxpool_every_n_layers", ins_value_null()));
  must(ins_value_set(map, "core.downsample_input_kernel_size", ins_value_null()));
  must(ins_value_set(map, "core.color_squashing_weights", ins_value_null()));
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

static void draw_layer(drawer *d, const model_fixture *f, int l) {
  const size_t o = (size_t)f->channels[l], i = (size_t)(l ? f->channels[l - 1] : f->in_shape[0]);
  const size_t k = (size_t)f->kernel_t[l] / 3 ? (size_t)f->kernel_t[l] / 3 : 1,
               s = (size_t)f->kernel_s[l];
  const size_t time[3] = {o, i, k}, space[5] = {o, i, 1, s, s}, c[1] = {o},
               bias[5] = {1, o, 1, 1, 1};
  const float spread = 1.0f / sqrtf((float)(i * k * s * s) * (float)f->kernel_t[l]);
  const struct {
    const char *leaf;
    float mean, spread;
    int n_dims;
    const size_t *shape;
  } leaves[] = {{"conv.sin_weights", 0, 1, 3, time},
                {"conv.cos_weights", 0, 1, 3, time},
                {"conv.weight_spatial", 0, spread, 5, space},
                {"norm.weight", 1, 0.2f, 1, c},
                {"norm.bias", 0, 0.2f, 1, c},
                {"norm.running_mean", 0, 0.3f, 1, c},
                {"norm.running_var", 1, 0.1f, 1, c},
                {"bias.bias", 0, 0.2f, 5, bias}};
  for (size_t j = 0; j < sizeof leaves / sizeof *leaves; j++) {
    char name[96];
    snprintf(name, sizeof name, "core.features.layer%d.%s", l, leaves[j].leaf);
    draw(d, name, leaves[j].mean, leaves[j].spread, leaves[j].n_dims, leaves[j].shape);
  }
}

static void draw_session(drawer *d, const model_fixture *f, int s) {
  const size_t n = (size_t)f->n_neurons[s], c = (size_t)f->channels[f->n_layers - 1];
  const size_t mean[2] = {n, 2}, one[1] = {n}, features[4] = {1, c, 1, n};
  const struct {
    const char *leaf;
    float mean, spread;
    int n_dims;
    const size_t *shape;
  } leaves[] = {{"mask_mean", 0, 0.07f, 2, mean},
                {"mask_log_var", -0.5f, 0.2f, 1, one},
                {"features", 0.3f, 0.5f, 4, features},
                {"scale_param", 1, 0.2f, 1, one},
                {"bias", 0, 0.3f, 1, one}};
  for (size_t j = 0; j < sizeof leaves / sizeof *leaves; j++) {
    char name[96];
    snprintf(name, sizeof name, "readout.%c.%s", 'a' + s, leaves[j].leaf);
    draw(d, name, leaves[j].mean, leaves[j].spread, leaves[j].n_dims, leaves[j].shape);
  }
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
  for (int l = 0; l < f->n_layers; l++) draw_layer(&d, f, l);
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
