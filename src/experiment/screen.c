/* SPDX-License-Identifier: MIT */
#include "screen.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "insilico/units.h"

const ins_key ins_intensity_keys[] = {
    {.name = "grey",
     .type = INS_KEY_FREE,
     .fallback = "0.0",
     .flags = INS_KEY_SHAPES,
     .doc = "the model's number of contrast 0: one, a list of one for each channel, or {CHANNEL: "
            "number}"},
    {.name = "contrast",
     .type = INS_KEY_FREE,
     .flags = INS_KEY_NULLABLE | INS_KEY_SHAPES,
     .doc = "what contrast 1 adds to it, likewise; null: mean / SD of the model's normalisation "
            "(twice the mean luminance), 1 where it has none"},
    {.name = "range",
     .type = INS_KEY_BOUNDS,
     .flags = INS_KEY_NULLABLE | INS_KEY_SHAPES,
     .doc = "numbers that the model was trained on; beyond them there is a warning"},
    {0},
};

/* ---- intensity ----------------------------------------------------------------------------------
 */

static ins_status bad_numbers(const ins_value *value, const char *key, size_t n_channels) {
  char place[256], name[32];
  ins_text names = {0};
  for (size_t c = 0; c < n_channels; c++)
    ins_text_add(&names, "%s%s", c ? ", " : "", ins_channel_name(c, n_channels, name, sizeof name));
  ins_status status = ins_fail(INS_ERR_ARGUMENT,
                               "%sintensity.%s: expected a number, a list of %zu, or a map from "
                               "channels (%s) to numbers",
                               ins_value_place(value, place, sizeof place), key, n_channels,
                               names.data ? names.data : "");
  ins_text_free(&names);
  return status;
}

static size_t channel_called(const char *wanted, size_t n_channels) {
  char name[32];
  size_t c = 0;
  while (c < n_channels && strcmp(ins_channel_name(c, n_channels, name, sizeof name), wanted)) c++;
  return c;
}

/* One number for all channels, or some for some; `otherwise` where none is given. */
static ins_status read_numbers(const ins_value *settings, const char *key, size_t n_channels,
                               double otherwise, double *out) {
  const ins_value *value = ins_map_get(ins_map_get(settings, "intensity"), key);
  for (size_t c = 0; c < n_channels; c++) out[c] = otherwise;
  if (!value || value->kind == INS_NULL) return INS_OK;
  const bool number = ins_value_is_number(value);
  const size_t n = number ? n_channels : ins_value_count(value);
  bool fits = n > 0 && (value->kind != INS_LIST || n == n_channels);
  for (size_t i = 0; fits && i < n; i++) {
    const ins_value *item = number ? value : value->children.items[i];
    const size_t c =
        value->kind == INS_MAP ? channel_called(value->children.keys[i], n_channels) : i;
    const double x = ins_value_real_or(item, NAN);
    fits = c < n_channels && isfinite(x) && ins_value_is_number(item);
    if (fits) out[c] = x;
  }
  return fits ? INS_OK : bad_numbers(value, key, n_channels);
}

/* In normalised numbers the mean luminance is 0 and darkness -mean / SD, so that doubling the light
 * adds mean / SD. */
static double full_contrast(const ins_model_source *source) {
  double mean, sd;
  ins_units_normalisation(source, &mean, &sd);
  return mean > 0 ? mean / sd : 1;
}

/* ---- units --------------------------------------------------------------------------------------
 */

static double relied_upon(const ins_unit *unit) {
  return unit->doubt[0] ? (double)NAN : unit->value;
}

static bool is_still(const ins_model *model) {
  long first, last;
  ins_model_window(model, 0, &first, &last);
  return first == last && !ins_model_remembers(model);
}

ins_status ins_screen_of(const ins_model *model, const ins_model_source *source,
                         const ins_value *settings, ins_screen *out) {
  const ins_model_info *info = ins_model_describe(model);
  ins_units units;
  if (info->n_channels > INS_MAX_CHANNELS)
    return ins_fail(INS_ERR_UNSUPPORTED,
                    "stimuli can be made of %d channels at most; the model has %zu",
                    INS_MAX_CHANNELS, info->n_channels);
  ins_units_read(source, ins_value_at(settings, "model.units"), &units);
  *out = (ins_screen){.n_channels = info->n_channels,
                      .height = info->height,
                      .width = info->width,
                      .pixel_um = relied_upon(&units.pixel_size_um),
                      .rate_hz = relied_upon(&units.stimulus_rate_hz),
                      .still = is_still(model)};
  ins_status status = read_numbers(settings, "grey", info->n_channels, 0, out->grey);
  if (status == INS_OK)
    status = read_numbers(settings, "contrast", info->n_channels, full_contrast(source), out->gain);
  return status;
}

ins_status ins_screen_explain(ins_status status, const ins_model_source *source,
                              const ins_value *settings) {
  char message[INS_MESSAGE_MAX];
  ins_units units;
  if (status != INS_ERR_MISSING) return status;
  snprintf(message, sizeof message, "%s", ins_message());
  ins_units_read(source, ins_value_at(settings, "model.units"), &units);
  const char *pixel = units.pixel_size_um.doubt, *rate = units.stimulus_rate_hz.doubt;
  if (!pixel[0] && !rate[0]) return status;
  return ins_fail(status, "%s (in doubt: %s%s%s)", message, pixel, pixel[0] && rate[0] ? "; " : "",
                  rate);
}

/* ---- range --------------------------------------------------------------------------------------
 */

ins_status ins_screen_range(const ins_model *model, const ins_model_source *source,
                            const ins_value *settings, float (*bounds)[2]) {
  static const float mouse[2][2] = {{-0.654F, 6.269F}, {-0.913F, 6.269F}};
  const size_t n_channels = ins_model_describe(model)->n_channels;
  const ins_value *range = ins_value_at(settings, "intensity.range");
  const char *species = ins_value_text_or(ins_map_get(source->data_info, "animal_species"), "");
  ins_status status = ins_bounds_parse(range, n_channels, bounds);
  const bool given = range && range->kind != INS_NULL;
  if (status == INS_OK && !given && n_channels == 2 && strcasestr(species, "mouse"))
    memcpy(bounds, mouse, sizeof mouse);
  return status;
}
