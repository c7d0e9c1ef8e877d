/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "app.h"
#include "card.h"

static long whole(const ins_value *card, const char *path) {
  return (long)ins_value_int_or(ins_value_at(card, path), 0);
}

static const char *text(const ins_value *card, const char *path) {
  return ins_value_text_or(ins_value_at(card, path), "");
}

static void print_model(const ins_value *card) {
  const long members = whole(card, "model.members");
  if (text(card, "model.file")[0]) ins_print("model", "%s", text(card, "model.file"));
  if (text(card, "model.format")[0]) ins_print("format", "%s", text(card, "model.format"));
  ins_print("weights", "%ld parameters, SHA-256 %.16s...", whole(card, "model.parameters"),
            text(card, "model.model_sha256"));
  if (members) ins_print("ensemble", "%ld members, whose responses are averaged", members);
}

static void print_architecture(const ins_value *card) {
  const ins_value *layers = ins_value_at(card, "core.layers");
  const char *convolution = text(card, "core.convolution");
  ins_print("core", "%s%s%s", text(card, "core.kind"), *convolution ? ", " : "", convolution);
  for (size_t l = 0; l < ins_value_count(layers); l++) {
    const ins_value *layer = layers->children.items[l];
    ins_print("", "layer %zu: %ld -> %ld channels, kernel %s (time x height x width)", l,
              whole(layer, "in_channels"), whole(layer, "out_channels"), text(layer, "kernel"));
  }
  ins_print("readout", "%s on %ld features of %ld x %ld px", text(card, "readout.kind"),
            whole(card, "readout.features"), whole(card, "readout.height_px"),
            whole(card, "readout.width_px"));
}

static void print_number(const ins_value *map, const char *key, const char *label) {
  const ins_value *value = ins_map_get(map, key);
  ins_text json = {0};
  if (!value || value->kind == INS_NULL) return;
  if (value->kind == INS_TEXT)
    ins_text_add(&json, "%s", value->text);
  else
    ins_value_json(value, 8, &json);
  if (json.data) ins_print(label, "%s", json.data);
  ins_text_free(&json);
}

static void print_stimulus(const ins_value *card) {
  const ins_value *stimulus = ins_map_get(card, "stimulus");
  ins_print("stimulus", "%ld channel%s of %ld x %ld px (height x width)",
            whole(stimulus, "channels"), whole(stimulus, "channels") == 1 ? "" : "s",
            whole(stimulus, "height_px"), whole(stimulus, "width_px"));
  print_number(stimulus, "stimulus_class", "trained on");
  print_number(stimulus, "animal_species", "species");
  print_number(stimulus, "stim_mean", "stimulus mean");
  print_number(stimulus, "stim_std", "stimulus SD");
}

static void print_unit(const ins_value *card, const char *key, const char *label,
                       const char *unit) {
  const ins_value *map = ins_map_get(ins_map_get(card, "units"), key);
  const double value = ins_value_real_or(ins_map_get(map, "value"), (double)NAN);
  const char *doubt = text(map, "doubt"), *source = text(map, "source");
  if (isnan(value))
    ins_print(label, "not known");
  else
    ins_print(label, "%.6g %s (%s)", value, unit, source);
  if (*doubt) ins_print("", "doubtful: %s", doubt);
}

static void print_window(const ins_value *card) {
  const ins_value *window = ins_map_get(card, "window");
  const double seconds = ins_value_real_or(ins_map_get(window, "seconds"), (double)NAN);
  const long first = whole(window, "first_frame"), last = whole(window, "last_frame"),
             lost = whole(window, "frames_lost");
  if (ins_value_bool_or(ins_map_get(window, "remembers"), false))
    ins_print("window", "output frame f depends on all stimulus frames from the first to f%+ld",
              last);
  else
    ins_print("window", "output frame f depends on stimulus frames f%+ld to f%+ld", first, last);
  if (!isnan(seconds)) ins_print("", "which last %.4g s", seconds);
  ins_print("", "T frames give T - %ld responses; T must be %ld or more", lost,
            whole(window, "least_frames"));
  if (ins_value_bool_or(ins_map_get(window, "acausal"), false))
    ins_print("", "acausal: it stands for frame f+%ld and sees %ld beyond (padding in time)", lost,
              last - lost);
}

static void print_sessions(const ins_value *card) {
  const ins_value *list = ins_map_get(card, "sessions");
  const char *metric = text(card, "performance_metric");
  ins_print("sessions", "%zu%s%s", ins_value_count(list), *metric ? "; performance: " : "", metric);
  for (size_t s = 0; s < ins_value_count(list); s++) {
    const ins_value *session = list->children.items[s];
    const double mean = ins_value_real_or(ins_map_get(session, "performance"), (double)NAN);
    char performance[64] = "";
    if (!isnan(mean))
      snprintf(performance, sizeof performance, ", performance %.3f on average", mean);
    ins_line("  %-32s neurons %ld to %ld (%ld)%s", text(session, "name"), whole(session, "first"),
             whole(session, "first") + whole(session, "neurons") - 1, whole(session, "neurons"),
             performance);
  }
}

static void print_cell_types(const ins_value *card) {
  const ins_value *types = ins_map_get(card, "cell_types");
  ins_text line = {0};
  for (size_t i = 0; i < ins_value_count(types); i++)
    ins_text_add(&line, "%s%s (%ld)", i ? ", " : "", types->children.keys[i],
                 (long)ins_value_int_or(types->children.items[i], 0));
  ins_print("cell types", "%s%s", line.data ? "group (neurons): " : "",
            line.data ? line.data : "not told");
  ins_text_free(&line);
}

static void print_silent(const ins_value *card) {
  enum { SHOWN = 20 };
  const ins_value *list = ins_map_get(card, "silent_neurons");
  const size_t n = ins_value_count(list);
  ins_text line = {0};
  for (size_t i = 0; i < n && i < SHOWN; i++)
    ins_text_add(&line, "%s%ld", i ? ", " : "", (long)ins_value_int_or(list->children.items[i], 0));
  if (n > SHOWN) ins_text_add(&line, ", ... (--json lists all)");
  if (n == 0)
    ins_print("dead neurons", "none: every response varies with noise");
  else
    ins_print("dead neurons", "%zu do not answer to noise: %s", n, line.data ? line.data : "");
  ins_text_free(&line);
}

static void print_verified(const ins_value *card) {
  const ins_value *verified = ins_map_get(card, "verified");
  const ins_value *list = ins_map_get(verified, "sessions");
  double worst = 0;
  size_t n_agree = 0;
  for (size_t s = 0; s < ins_value_count(list); s++) {
    const ins_value *session = list->children.items[s];
    worst = fmax(worst, ins_value_real_or(ins_map_get(session, "deviation"), (double)INFINITY));
    n_agree += ins_value_bool_or(ins_map_get(session, "agrees"), false);
  }
  if (!list)
    ins_print("verified", "not yet: see insilico verify");
  else if (n_agree < ins_value_count(list))
    ins_print(
        "verified", "NO: %zu of %zu sessions differ from %s, by up to %.1e of the largest response",
        ins_value_count(list) - n_agree, ins_value_count(list), text(verified, "against"), worst);
  else
    ins_print("verified", "%zu of %zu sessions agree with %s; largest deviation %.1e", n_agree,
              ins_value_count(list), text(verified, "against"), worst);
}

void ins_card_print(const ins_value *card, bool json) {
  ins_text line = {0};
  if (json) {
    ins_value_json(card, SIZE_MAX, &line);
    if (line.data) printf("%s\n", line.data);
    ins_text_free(&line);
    return;
  }
  print_model(card);
  print_architecture(card);
  print_stimulus(card);
  print_unit(card, "stimulus_rate_hz", "stimulus rate", "Hz");
  print_unit(card, "response_rate_hz", "response rate", "Hz");
  print_unit(card, "retina_pixel_size_um", "pixel size", "um");
  print_window(card);
  print_sessions(card);
  print_cell_types(card);
  print_silent(card);
  print_verified(card);
}
