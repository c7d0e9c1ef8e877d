/* SPDX-License-Identifier: MIT */
#include "card.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "app.h"
#include "insilico/memory.h"
#include "insilico/plan.h"
#include "insilico/random.h"
#include "insilico/units.h"

/* ---- making: small helpers ------------------------------------------------------------------ */

static ins_status put_text(ins_value *map, const char *key, const char *text) {
  return ins_map_take(map, key, text ? ins_value_text(text) : ins_value_null());
}

static ins_status put_int(ins_value *map, const char *key, size_t n) {
  return ins_map_take(map, key, ins_value_int((int64_t)n));
}

static ins_status put_copy(ins_value *map, const char *key, const ins_value *value) {
  return ins_map_take(map, key, value ? ins_value_copy(value) : ins_value_null());
}

/* A new map under `key`. */
static ins_status put_map(ins_value *map, const char *key, ins_value **out) {
  *out = ins_value_map();
  return ins_map_take(map, key, *out);
}

/* ---- making: what it is --------------------------------------------------------------------- */

static ins_status add_model(const ins_model_source *source, const ins_model_info *info,
                            ins_value *card) {
  static const char *const from[] = {"file", "format", "sha256", "class"};
  char hash[65];
  ins_value *map;
  ins_status status = ins_model_source_hash(source, hash);
  if (status == INS_OK) status = put_map(card, "model", &map);
  for (size_t i = 0; status == INS_OK && i < sizeof from / sizeof *from; i++)
    status = put_copy(map, from[i], ins_map_get(source->provenance, from[i]));
  if (status == INS_OK) status = put_text(map, "model_sha256", hash);
  if (status == INS_OK) status = put_int(map, "parameters", info->n_parameters);
  if (status == INS_OK) status = put_int(map, "members", info->n_members);
  return status;
}

static ins_status add_layer(const ins_layer_info *layer, ins_value *list) {
  ins_value *map = ins_value_map();
  ins_text kernel = {0};
  ins_text_add(&kernel, "%d x %d x %d", layer->kernel_t, layer->kernel_h, layer->kernel_w);
  ins_status status = map ? ins_text_ok(&kernel) : INS_ERR_MEMORY;
  if (status == INS_OK) status = put_int(map, "in_channels", (size_t)layer->in_channels);
  if (status == INS_OK) status = put_int(map, "out_channels", (size_t)layer->out_channels);
  if (status == INS_OK) status = put_text(map, "kernel", kernel.data);
  ins_text_free(&kernel);
  if (status == INS_OK) return ins_list_take(list, map);
  ins_value_destroy(&map);
  return status;
}

static ins_status add_architecture(const ins_model_source *source, const ins_model_info *info,
                                   ins_value *card) {
  ins_value *core, *readout, *layers = ins_value_list();
  const ins_value *a = source->architecture, *first = ins_value_at(a, "members.0");
  const ins_value *convolution = ins_value_at(first ? first : a, "core.convolution");
  ins_status status = layers ? put_map(card, "core", &core) : INS_ERR_MEMORY;
  if (status == INS_OK) status = put_text(core, "kind", info->core);
  if (status == INS_OK) status = put_copy(core, "convolution", convolution);
  for (size_t l = 0; status == INS_OK && l < info->n_layers; l++)
    status = add_layer(&info->layers[l], layers);
  if (status == INS_OK) status = ins_map_take(core, "layers", layers);
  if (status == INS_OK) status = put_map(card, "readout", &readout);
  if (status == INS_OK) status = put_text(readout, "kind", info->readout);
  if (status == INS_OK) status = put_int(readout, "features", info->n_features);
  if (status == INS_OK) status = put_int(readout, "height_px", info->map_height);
  if (status == INS_OK) status = put_int(readout, "width_px", info->map_width);
  return status;
}

/* ---- making: stimulus, units, time ---------------------------------------------------------- */

static ins_status add_stimulus(const ins_model_source *source, const ins_model_info *info,
                               ins_value *card) {
  ins_value *map;
  ins_status status = put_map(card, "stimulus", &map);
  if (status == INS_OK) status = put_int(map, "channels", info->n_channels);
  if (status == INS_OK) status = put_int(map, "height_px", info->height);
  if (status == INS_OK) status = put_int(map, "width_px", info->width);
  static const char *const from[] = {"stim_mean", "stim_std", "stimulus_class", "animal_species"};
  for (size_t i = 0; status == INS_OK && i < sizeof from / sizeof *from; i++)
    status = put_copy(map, from[i], ins_map_get(source->data_info, from[i]));
  return status;
}

static ins_status add_unit(const ins_unit *unit, const char *key, ins_value *units) {
  ins_value *map;
  ins_status status = put_map(units, key, &map);
  if (status == INS_OK)
    status = ins_map_take(map, "value",
                          isnan(unit->value) ? ins_value_null() : ins_value_real(unit->value));
  if (status == INS_OK) status = put_text(map, "source", unit->source);
  if (status == INS_OK) status = put_text(map, "doubt", unit->doubt[0] ? unit->doubt : NULL);
  return status;
}

static ins_status add_units(const ins_units *units, ins_value *card) {
  ins_value *map;
  ins_status status = put_map(card, "units", &map);
  if (status == INS_OK) status = add_unit(&units->stimulus_rate_hz, "stimulus_rate_hz", map);
  if (status == INS_OK) status = add_unit(&units->response_rate_hz, "response_rate_hz", map);
  if (status == INS_OK) status = add_unit(&units->pixel_size_um, "retina_pixel_size_um", map);
  return status;
}

static ins_status add_window(const ins_model *model, const ins_units *units, size_t least,
                             size_t n_output, ins_value *card) {
  ins_value *map;
  long first, last;
  const size_t lost = least - n_output;
  const double rate = units->stimulus_rate_hz.value;
  const bool remembers = ins_model_remembers(model);
  const bool doubtful = units->stimulus_rate_hz.doubt[0] != '\0';
  ins_model_window(model, 0, &first, &last);
  ins_status status = put_map(card, "window", &map);
  if (status == INS_OK) status = put_int(map, "least_frames", least);
  if (status == INS_OK) status = put_int(map, "frames_lost", lost);
  if (status == INS_OK) status = ins_map_take(map, "first_frame", ins_value_int(first));
  if (status == INS_OK) status = ins_map_take(map, "last_frame", ins_value_int(last));
  if (status == INS_OK) status = ins_map_take(map, "remembers", ins_value_bool(remembers));
  if (status == INS_OK) status = ins_map_take(map, "acausal", ins_value_bool(last > (long)lost));
  if (status == INS_OK)
    status = ins_map_take(map, "seconds",
                          isnan(rate) || doubtful || remembers
                              ? ins_value_null()
                              : ins_value_real((double)(last - first + 1) / rate));
  return status;
}

/* ---- making: sessions and neurons ----------------------------------------------------------- */

static double mean_of(const ins_value *value) {
  double sum = 0;
  size_t n = 0;
  if (value && value->kind == INS_ARRAY) {
    n = ins_array_count(&value->array);
    for (size_t i = 0; i < n; i++) sum += ins_array_get(&value->array, i);
  } else if (value && value->kind == INS_LIST) {
    n = value->children.n;
    for (size_t i = 0; i < n; i++) sum += ins_value_real_or(value->children.items[i], (double)NAN);
  } else {
    return ins_value_real_or(value, (double)NAN);
  }
  return n ? sum / (double)n : (double)NAN;
}

static ins_status add_sessions(const ins_model_source *source, const ins_model_info *info,
                               ins_value *card) {
  const ins_value *performance = ins_map_get(source->data_info, "pretrained_performance");
  ins_value *list = ins_value_list();
  ins_status status = list ? INS_OK : INS_ERR_MEMORY;
  for (size_t s = 0; status == INS_OK && s < info->n_sessions; s++) {
    ins_value *map = ins_value_map();
    const double mean = mean_of(ins_map_get(performance, info->sessions[s].name));
    status = ins_list_take(list, map);
    if (status == INS_OK) status = put_text(map, "name", info->sessions[s].name);
    if (status == INS_OK) status = put_int(map, "first", info->sessions[s].first);
    if (status == INS_OK) status = put_int(map, "neurons", info->sessions[s].n_neurons);
    if (status == INS_OK)
      status =
          ins_map_take(map, "performance", isnan(mean) ? ins_value_null() : ins_value_real(mean));
  }
  if (status == INS_OK)
    status = put_copy(card, "performance_metric",
                      ins_map_get(source->data_info, "pretrained_performance_metric"));
  if (status == INS_OK) return ins_map_take(card, "sessions", list);
  ins_value_destroy(&list);
  return status;
}

static size_t count_of(const ins_value *value) {
  if (!value) return 0;
  return value->kind == INS_ARRAY ? ins_array_count(&value->array) : ins_value_count(value);
}

static double item_of(const ins_value *value, size_t i) {
  return value->kind == INS_ARRAY ? ins_array_get(&value->array, i)
                                  : ins_value_real_or(value->children.items[i], (double)NAN);
}

/* How many neurons there are of each cell type: {"28": 12, ...} in the order of their numbers. */
static ins_status add_cell_types(const ins_model_source *source, const ins_model_info *info,
                                 ins_value *card) {
  enum { MOST = 1000 };
  size_t counts[MOST] = {0};
  const ins_value *sessions = ins_map_get(source->data_info, "sessions_kwargs");
  ins_value *map;
  ins_status status = put_map(card, "cell_types", &map);
  for (size_t s = 0; s < info->n_sessions; s++) {
    const ins_value *types =
        ins_map_get(ins_map_get(sessions, info->sessions[s].name), "group_assignment");
    for (size_t i = 0; i < count_of(types); i++) {
      const double type = item_of(types, i);
      if (type >= 0 && type < MOST) counts[(size_t)type]++;
    }
  }
  for (size_t type = 0; type < MOST && status == INS_OK; type++) {
    char name[16];
    snprintf(name, sizeof name, "%zu", type);
    if (counts[type]) status = put_int(map, name, counts[type]);
  }
  return status;
}

/* ---- making: neurons that do not answer ----------------------------------------------------- */

/* Responses r [t,n] of all neurons to normal noise of SD 1. */
static ins_status respond_to_noise(const ins_model *model, size_t n_frames, size_t n_output,
                                   float *r) {
  const ins_model_info *info = ins_model_describe(model);
  const size_t n_x = info->n_channels * n_frames * info->height * info->width;
  const ins_stream stream = ins_stream_at(0, "card", NULL, 0);
  ins_plan_spec spec = {.n_slots = 1,
                        .n_frames = n_frames,
                        .height = info->height,
                        .width = info->width,
                        .n_read = n_output,
                        .n_neurons = info->n_neurons};
  ins_plan *plan = NULL;
  int64_t *neurons = NULL;
  float *x = NULL;
  ins_status status = ins_plan_create(model, &spec, &plan);
  if (status == INS_OK) status = ins_alloc(info->n_neurons, sizeof *neurons, &neurons);
  if (status == INS_OK) status = ins_alloc(n_x, sizeof *x, &x);
  for (size_t i = 0; status == INS_OK && i < info->n_neurons; i++) neurons[i] = (int64_t)i;
  if (status == INS_OK) status = ins_plan_select(plan, 0, neurons, info->n_neurons);
  if (status == INS_OK) {
    ins_stream_normal(&stream, 0, n_x, x);
    ins_plan_forward(plan, 0, x, r);
  }
  ins_free(&x);
  ins_free(&neurons);
  ins_plan_destroy(&plan);
  return status;
}

static bool varies(const float *r, size_t n_output, size_t n, size_t neuron) {
  float low = INFINITY, high = -INFINITY;
  for (size_t t = 0; t < n_output; t++) {
    low = fminf(low, r[t * n + neuron]);
    high = fmaxf(high, r[t * n + neuron]);
  }
  return high - low > 1e-6f * fmaxf(fabsf(low), fabsf(high));
}

/* A neuron is silent when the noise does not move its response: its weights are zero, or its
 * nonlinearity saturates. */
static ins_status find_silent(const ins_model *model, size_t n_frames, ins_value *list) {
  const size_t n = ins_model_describe(model)->n_neurons;
  size_t n_output;
  float *r = NULL;
  ins_status status = ins_model_output_frames(model, n_frames, &n_output);
  if (status == INS_OK) status = ins_alloc(n_output * n, sizeof *r, &r);
  if (status == INS_OK) status = respond_to_noise(model, n_frames, n_output, r);
  for (size_t i = 0; i < n && status == INS_OK; i++)
    if (!varies(r, n_output, n, i)) status = ins_list_take(list, ins_value_int((int64_t)i));
  ins_free(&r);
  return status;
}

static ins_status add_silent(const ins_model_source *source, const ins_model *model, size_t least,
                             ins_value *card) {
  enum { FRAMES = 30 };
  const ins_value *trained = ins_value_at(source->architecture, "in_shape.1");
  ins_value *list = ins_value_list();
  ins_status status = list ? find_silent(model, least + FRAMES, list) : INS_ERR_MEMORY;
  /* Models that scale frames take stimuli of one length only: that of their training. */
  if (status == INS_ERR_SHAPE && trained)
    status = find_silent(model, (size_t)ins_value_int_or(trained, 1), list);
  if (status == INS_OK) return ins_map_take(card, "silent_neurons", list);
  ins_value_destroy(&list);
  return status;
}

ins_status ins_card_make(const char *path, const ins_model_source *source, const ins_model *model,
                         ins_value **out) {
  const ins_model_info *info = ins_model_describe(model);
  const size_t least = ins_model_least_frames(model);
  size_t n_output = 0;
  ins_units units;
  ins_units_read(source, NULL, &units);
  ins_value *card = *out = ins_value_map();
  ins_status status = card ? ins_model_output_frames(model, least, &n_output) : INS_ERR_MEMORY;
  if (status == INS_OK) status = add_model(source, info, card);
  if (status == INS_OK) status = add_architecture(source, info, card);
  if (status == INS_OK) status = add_stimulus(source, info, card);
  if (status == INS_OK) status = add_units(&units, card);
  if (status == INS_OK) status = add_window(model, &units, least, n_output, card);
  if (status == INS_OK) status = add_sessions(source, info, card);
  if (status == INS_OK) status = add_cell_types(source, info, card);
  if (status == INS_OK) status = add_silent(source, model, least, card);
  if (status == INS_OK) {
    const char *hash = ins_value_at(card, "model.model_sha256")->text;
    ins_value *verified = ins_verified_read(path, hash);
    status = ins_map_take(card, "verified", verified ? verified : ins_value_null());
  }
  if (status != INS_OK) ins_value_destroy(out);
  return status;
}
