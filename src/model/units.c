/* SPDX-License-Identifier: MIT */
#include "insilico/units.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

/* ---- what is known of published files -------------------------------------------------------- */

typedef struct erratum {
  const char *file; /* as published */
  const char *key;  /* of data_info */
  double claimed;   /* the entry is about this value alone: a file that was put right is believed */
  int height, width; /* and about stimuli of this size; 0: of any */
  double value;      /* what it should be; NaN: doubtful */
  const char *why;
} erratum;

/* Corrected is only what follows from the files themselves. The low-resolution mouse movies have 18
 * x 16 pixels where the others have 72 x 64 of 12.5 um: four times the side. Their training
 * configuration sets 50 um at a place that openretina does not read, so that files can carry the
 * 12.5 um of the high resolution.
 *
 * All else is doubted and left to the user. Maheswaranathan et al. (2023) recorded at 100 frames a
 * second in bins of 10 ms, the configuration says 30 Hz, and adds that receptive fields suggest
 * half the pixel size that it states. The movies of Karamanlis et al. (2024) are stated with the
 * pixels of 800 x 600 and used with fewer, and the marmoset configuration copies the mouse's 75 Hz
 * with the note that it should be 85. */
static const erratum errata[] = {
    {"hoefling_2024_cnn_low_res.ckpt", "retina_pixel_size_um", 12.5, 18, 16, 50, NULL},
    {"hoefling_2024_base_low_res.ckpt", "retina_pixel_size_um", 12.5, 18, 16, 50, NULL},
    {"maheswaranathan_2023.ckpt", "stimulus_rate_hz", 30, 0, 0, NAN,
     "the recordings were binned at 100 Hz"},
    {"maheswaranathan_2023.ckpt", "response_rate_hz", 30, 0, 0, NAN,
     "the recordings were binned at 100 Hz"},
    {"maheswaranathan_2023.ckpt", "retina_pixel_size_um", 50, 0, 0, NAN,
     "receptive fields suggest 25 um"},
    {"karamanlis_2024_mouse.ckpt", "retina_pixel_size_um", 7.5, 0, 0, NAN,
     "it is that of 800 x 600 pixels, of which the model sees fewer and larger ones"},
    {"karamanlis_2024_marmoset.ckpt", "retina_pixel_size_um", 7.5, 0, 0, NAN,
     "it is that of 800 x 600 pixels, of which the model sees fewer and larger ones"},
    {"karamanlis_2024_marmoset.ckpt", "stimulus_rate_hz", 75, 0, 0, NAN,
     "it is that of the mouse recordings; the marmoset's may be 85 Hz"},
    {"karamanlis_2024_marmoset.ckpt", "response_rate_hz", 75, 0, 0, NAN,
     "it is that of the mouse recordings; the marmoset's may be 85 Hz"}};

/* The name of the file; of an ensemble, that of its first member, whose data_info counts. */
static const char *file_of(const ins_model_source *source) {
  const ins_value *first = ins_value_at(source->provenance, "members.0.file");
  return ins_value_text_or(first, ins_value_text_or(ins_map_get(source->provenance, "file"), ""));
}

static int side(const ins_model_source *source, size_t axis) {
  const ins_value *shape = ins_map_get(source->architecture, "in_shape");
  return axis < ins_value_count(shape) ? (int)ins_value_int_or(shape->children.items[axis], 0) : 0;
}

static void apply_errata(const ins_model_source *source, const char *key, ins_unit *unit) {
  const char *file = file_of(source);
  for (size_t i = 0; i < COUNT(errata); i++) {
    const erratum *e = &errata[i];
    if (strcmp(e->file, file) != 0 || strcmp(e->key, key) != 0 || unit->value != e->claimed)
      continue;
    if (e->height && (side(source, 2) != e->height || side(source, 3) != e->width)) continue;
    if (!isnan(e->value)) {
      unit->value = e->value;
      unit->source = "errata of published files";
    } else {
      snprintf(unit->doubt, sizeof unit->doubt, "%s says %g, but %s", file, e->claimed, e->why);
    }
    return;
  }
}

/* ---- reading --------------------------------------------------------------------------------- */

/* "85", "85Hz", "12.5 um"; anything more is a sentence. */
static bool parse(const char *text, const char *unit, double *out) {
  char *end;
  *out = strtod(text, &end);
  if (end == text) return false;
  end += strspn(end, " ");
  if (strncasecmp(end, unit, strlen(unit)) == 0) end += strlen(unit);
  return !end[strspn(end, " ")];
}

static bool positive(double x) {
  return isfinite(x) && x > 0;
}

static void doubt_text(ins_unit *unit, const char *what, const char *text) {
  snprintf(unit->doubt, sizeof unit->doubt, "the model file says %s '%.120s'", what, text);
}

/* Numbers of any kind, also as an array of one; text; null and NaN mean that it is not known. */
static void read_value(const ins_value *value, const char *suffix, ins_unit *unit) {
  double x = NAN;
  if (!value || value->kind == INS_NULL) return;
  if (value->kind == INS_TEXT) {
    if (strcasecmp(value->text, "nan") == 0 || strcasecmp(value->text, "none") == 0 ||
        !value->text[0])
      return;
    if (!parse(value->text, suffix, &x) || !positive(x)) {
      doubt_text(unit, "in words:", value->text);
      return;
    }
  } else if (value->kind == INS_ARRAY && ins_array_count(&value->array) == 1) {
    x = ins_array_get(&value->array, 0);
  } else if (ins_value_is_number(value)) {
    x = ins_value_real_or(value, NAN);
  } else {
    ins_text json = {0};
    ins_value_json(value, 8, &json);
    doubt_text(unit, "what is no number:", json.data ? json.data : "");
    ins_text_free(&json);
    return;
  }
  if (isnan(x)) return;
  if (!positive(x)) {
    snprintf(unit->doubt, sizeof unit->doubt, "the model file says %g", x);
    return;
  }
  unit->value = x;
  unit->source = "data_info of the model file";
}

static void read_unit(const ins_model_source *source, const ins_value *overrides, const char *key,
                      const char *suffix, ins_unit *out) {
  double given = ins_value_real_or(ins_map_get(overrides, key), NAN);
  *out = (ins_unit){.value = NAN};
  if (positive(given)) {
    out->value = given;
    out->source = "model.units of the job";
    return;
  }
  read_value(ins_map_get(source->data_info, key), suffix, out);
  apply_errata(source, key, out);
}

void ins_units_read(const ins_model_source *source, const ins_value *overrides, ins_units *out) {
  read_unit(source, overrides, "stimulus_rate_hz", "hz", &out->stimulus_rate_hz);
  read_unit(source, overrides, "response_rate_hz", "hz", &out->response_rate_hz);
  read_unit(source, overrides, "retina_pixel_size_um", "um", &out->pixel_size_um);
}

/* ---- needing --------------------------------------------------------------------------------- */

static ins_status need(const ins_unit *unit, const char *what, const char *key, double *out) {
  if (unit->doubt[0])
    return ins_fail(INS_ERR_MISSING, "%s is in doubt: %s; give model.units.%s", what, unit->doubt,
                    key);
  if (!positive(unit->value))
    return ins_fail(INS_ERR_MISSING,
                    "%s is not known: the model file does not say; give "
                    "model.units.%s",
                    what, key);
  *out = unit->value;
  return INS_OK;
}

ins_status ins_units_need_rate(const ins_units *units, double *out) {
  return need(&units->stimulus_rate_hz, "the stimulus's frames a second", "stimulus_rate_hz", out);
}

ins_status ins_units_need_pixel(const ins_units *units, double *out) {
  return need(&units->pixel_size_um, "the size of a pixel on the retina", "retina_pixel_size_um",
              out);
}

void ins_units_normalisation(const ins_model_source *source, double *mean, double *sd) {
  ins_unit unit = {.value = NAN};
  const ins_value *m = ins_map_get(source->data_info, "stim_mean");
  *mean = m && m->kind == INS_ARRAY && ins_array_count(&m->array) == 1 ? ins_array_get(&m->array, 0)
                                                                       : ins_value_real_or(m, 0);
  if (!isfinite(*mean)) *mean = 0;
  read_value(ins_map_get(source->data_info, "stim_std"), "", &unit);
  *sd = positive(unit.value) ? unit.value : 1;
}
