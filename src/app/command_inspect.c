/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app.h"
#include "card.h"

enum { NEURONS_SHOWN = 16 };

static void print_provenance(const ins_value *provenance) {
  for (size_t i = 0; i < ins_value_count(provenance); i++) {
    const ins_value *item = provenance->children.items[i];
    ins_text text = {0};
    if (item->kind == INS_TEXT)
      ins_text_add(&text, "%s", item->text);
    else if (item->kind == INS_LIST)
      ins_text_add(&text, "%zu (--json lists them)", item->children.n);
    else
      ins_value_json(item, 16, &text);
    if (text.data) ins_print(provenance->children.keys[i], "%s", text.data);
    ins_text_free(&text);
  }
}

/* "21x11x11 (time x height x width)" with the padding where there is any. */
static void print_layer(size_t l, const ins_layer_info *layer) {
  printf("  layer %-11zu %d -> %d channels, kernel %d x %d x %d (t, h, w)", l, layer->in_channels,
         layer->out_channels, layer->kernel_t, layer->kernel_h, layer->kernel_w);
  if (layer->pad_t[0] || layer->pad_t[1] || layer->pad_h[0] || layer->pad_h[1] || layer->pad_w[0] ||
      layer->pad_w[1])
    printf(", padding t %d+%d, h %d+%d, w %d+%d", layer->pad_t[0], layer->pad_t[1], layer->pad_h[0],
           layer->pad_h[1], layer->pad_w[0], layer->pad_w[1]);
  printf("\n");
}

static void print_window(const ins_model *model) {
  const ins_model_info *info = ins_model_describe(model);
  const size_t n = ins_model_least_frames(model);
  size_t n_output;
  long first, last;
  if (ins_model_output_frames(model, n, &n_output) != INS_OK) return;
  size_t lag = n - n_output;
  ins_print("frames",
            "a stimulus of T frames gives T - %zu output frames (%zu cut), T at least %zu", lag,
            info->cut_frames, n);
  ins_model_window(model, 0, &first, &last);
  if (ins_model_remembers(model))
    ins_print("", "output frame f answers all stimulus frames from the first to f%+ld", last);
  else
    ins_print("", "output frame f answers stimulus frames f%+ld to f%+ld", first, last);
  if (last > (long)lag)
    ins_print("", "acausal: it stands for frame f+%zu and sees %ld beyond (padding in time)", lag,
              last - (long)lag);
}

static void print_field(const ins_value *info, const char *key, const char *label,
                        const char *units) {
  const ins_value *value = ins_map_get(info, key);
  ins_text text = {0};
  if (!value || value->kind == INS_NULL) return;
  if (value->kind == INS_TEXT)
    ins_text_add(&text, "%s", value->text);
  else
    ins_value_json(value, 16, &text);
  bool number = ins_value_is_number(value);
  if (text.data) ins_print(label, "%s%s", text.data, number ? units : "");
  ins_text_free(&text);
}

/* What the model's data_info holds beyond the fields that are shown. */
static void print_other_fields(const ins_value *info) {
  ins_text names = {0};
  for (size_t i = 0; i < ins_value_count(info); i++)
    ins_text_add(&names, "%s%s", i ? ", " : "", info->children.keys[i]);
  ins_print("data_info", "%s", names.data ? names.data : "");
  ins_text_free(&names);
}

static void print_sessions(const ins_model_info *info) {
  ins_print("neurons", "%zu in %zu session%s", info->n_neurons, info->n_sessions,
            info->n_sessions == 1 ? "" : "s");
  for (size_t s = 0; s < info->n_sessions; s++)
    ins_line("  %-32s neurons %zu to %zu (%zu)", info->sessions[s].name, info->sessions[s].first,
             info->sessions[s].first + info->sessions[s].n_neurons - 1,
             info->sessions[s].n_neurons);
}

static int column_width(const char *name) {
  return strlen(name) > 10 ? (int)strlen(name) : 10;
}

static void print_cell(const char *name, const ins_value *property, size_t k) {
  if (property->kind == INS_LIST) {
    printf("  %-26s", ins_value_text_or(property->children.items[k], ""));
    return;
  }
  double value = ins_array_get(&property->array, k);
  if (isnan(value))
    printf("  %*s", column_width(name), "-");
  else
    printf("  %*.4g", column_width(name), value);
}

static void print_truth(const ins_value *truth, size_t n_neurons, bool all) {
  size_t shown = all || n_neurons < NEURONS_SHOWN ? n_neurons : NEURONS_SHOWN;
  printf("\ntruth\n neuron");
  for (size_t i = 0; i < truth->children.n; i++) {
    bool text = truth->children.items[i]->kind == INS_LIST;
    if (text)
      printf("  %-26s", truth->children.keys[i]);
    else
      printf("  %*s", column_width(truth->children.keys[i]), truth->children.keys[i]);
  }
  printf("\n");
  for (size_t k = 0; k < shown; k++) {
    printf("%7zu", k);
    for (size_t i = 0; i < truth->children.n; i++)
      print_cell(truth->children.keys[i], truth->children.items[i], k);
    printf("\n");
  }
  if (shown < n_neurons) printf("  ... %zu more: --all shows them\n", n_neurons - shown);
}

static void print_people(const ins_model *model, const ins_model_source *source, bool all) {
  const ins_model_info *info = ins_model_describe(model);
  print_provenance(source->provenance);
  ins_print("core", "%s, %zu layers, %zu parameters in all", info->core, info->n_layers,
            info->n_parameters);
  for (size_t l = 0; l < info->n_layers; l++) print_layer(l, &info->layers[l]);
  ins_print("readout", "%s on %zu features of %zu x %zu px", info->readout, info->n_features,
            info->map_height, info->map_width);
  ins_print("stimulus", "%zu channels, %zu x %zu px (height x width)", info->n_channels,
            info->height, info->width);
  print_window(model);
  print_field(source->data_info, "stimulus_rate_hz", "stimulus rate", " Hz");
  print_field(source->data_info, "response_rate_hz", "response rate", " Hz");
  print_field(source->data_info, "retina_pixel_size_um", "pixel size", " um");
  print_field(source->data_info, "stim_mean", "stimulus mean", "");
  print_field(source->data_info, "stim_std", "stimulus SD", "");
  print_field(source->data_info, "animal_species", "species", "");
  print_field(source->data_info, "stimulus_class", "trained on", "");
  print_sessions(info);
  print_other_fields(source->data_info);
  if (source->truth) print_truth(source->truth, info->n_neurons, all);
}

static void add_member(ins_text *text, const char *key, const ins_value *value, bool last) {
  ins_text_add_json(text, key);
  ins_text_add(text, ":");
  ins_value_json(value, 1 << 20, text);
  ins_text_add(text, last ? "" : ",");
}

static void print_json(const ins_model *model, const ins_model_source *source) {
  const ins_model_info *info = ins_model_describe(model);
  ins_text text = {0};
  ins_text_add(&text, "{\"n_neurons\":%zu,\"n_parameters\":%zu,\"sessions\":[", info->n_neurons,
               info->n_parameters);
  for (size_t s = 0; s < info->n_sessions; s++) {
    ins_text_add(&text, "%s{\"name\":", s ? "," : "");
    ins_text_add_json(&text, info->sessions[s].name);
    ins_text_add(&text, ",\"first\":%zu,\"n_neurons\":%zu}", info->sessions[s].first,
                 info->sessions[s].n_neurons);
  }
  ins_text_add(&text, "],");
  add_member(&text, "provenance", source->provenance, false);
  add_member(&text, "architecture", source->architecture, false);
  add_member(&text, "data_info", source->data_info, source->truth == NULL);
  if (source->truth) add_member(&text, "truth", source->truth, true);
  ins_text_add(&text, "}");
  if (text.data) printf("%s\n", text.data);
  ins_text_free(&text);
}

static ins_status scan(const ins_arguments *arguments) {
  char *path = NULL;
  ins_status status = ins_ready_path(arguments, arguments->words[0], &path);
  if (status == INS_OK) status = ins_inspect_scan(path, arguments->json);
  free(path);
  return status;
}

ins_status ins_command_inspect(const ins_arguments *arguments) {
  ins_model_source *source = NULL;
  ins_model *model = NULL;
  ins_value *card = NULL;
  char *path = NULL;
  if (arguments->scan) return scan(arguments);
  ins_status status = ins_ready_named(arguments, arguments->words[0], &path, &source);
  if (status == INS_OK) status = ins_model_create(source, &model);
  /* What is listed is for those who wonder what it is; settings that are given speak of a model. */
  if (status != INS_OK && path && !arguments->architecture && !arguments->card)
    status = ins_inspect_foreign(path, arguments->json, status);
  if (status == INS_OK && arguments->card) status = ins_card_make(path, source, model, &card);
  if (status == INS_OK && arguments->card)
    ins_card_print(card, arguments->json);
  else if (status == INS_OK && arguments->json)
    print_json(model, source);
  else if (status == INS_OK)
    print_people(model, source, arguments->all);
  ins_value_destroy(&card);
  ins_model_destroy(&model);
  ins_model_source_destroy(&source);
  free(path);
  return status;
}
