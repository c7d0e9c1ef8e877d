/* SPDX-License-Identifier: MIT */
/* What a screen can show: units, frequencies, numbers. */
#include <math.h>
#include <stdio.h>

#include "generator_parts.h"

size_t ins_screen_frames(const ins_screen *screen, double seconds) {
  double frames = seconds * screen->rate_hz;
  return screen->still || !(frames >= 0.5) ? 0 : (size_t)llround(fmin(frames, 1e15));
}

ins_status ins_screen_need_pixel(const ins_screen *screen, const ins_value *settings) {
  if (screen->pixel_um > 0) return INS_OK;
  return ins_fail(
      INS_ERR_MISSING,
      "%s: its size is in micrometres, and the model does not say how large a pixel is; "
      "give model.units.retina_pixel_size_um",
      ins_setting_kind(settings));
}

ins_status ins_screen_need_rate(const ins_screen *screen, const ins_value *settings) {
  if (screen->rate_hz > 0) return INS_OK;
  return ins_fail(
      INS_ERR_MISSING,
      "%s: its times are in seconds, and the model does not say how many frames a second "
      "has; give model.units.stimulus_rate_hz",
      ins_setting_kind(settings));
}

ins_status ins_screen_need_time(const ins_screen *screen, const ins_value *settings,
                                const char *what) {
  if (!screen->still) return ins_screen_need_rate(screen, settings);
  return ins_fail(INS_ERR_ARGUMENT, "%s: %s needs time, but the model sees single frames",
                  ins_setting_kind(settings), what);
}

ins_status ins_frequency_check_space(const ins_screen *screen, const ins_value *settings,
                                     const char *key) {
  double limit = 500 / screen->pixel_um, value = ins_setting_real(settings, key);
  if (value < limit) return INS_OK;
  return ins_fail(INS_ERR_ARGUMENT,
                  "%s: %s %g is too fine for pixels of %g um; it must be below their Nyquist "
                  "frequency, %.4g cycles per mm",
                  ins_setting_kind(settings), key, value, screen->pixel_um, limit);
}

ins_status ins_frequency_check_time(const ins_screen *screen, const ins_value *settings,
                                    const char *key) {
  double limit = screen->rate_hz / 2, value = ins_setting_real(settings, key);
  if (value < limit) return INS_OK;
  return ins_fail(INS_ERR_ARGUMENT,
                  "%s: %s %g is too fast for %g frames a second; it must be below their Nyquist "
                  "frequency, %.4g Hz",
                  ins_setting_kind(settings), key, value, screen->rate_hz, limit);
}

/* ---- numbers that the model was not trained on ----------------------------------------------- */

static void add_side(ins_text *out, size_t c, size_t n_channels, const char *reaches, double value,
                     double trained, double outward) {
  char name[32];
  ins_text_add(out, "%schannel %s %s %.3g, ", out->length ? "; " : "",
               ins_channel_name(c, n_channels, name, sizeof name), reaches, value);
  /* A share of the bound means something only on the bound's own side of zero. */
  if (trained * outward > 0)
    ins_text_add(out, "%.0f%% ", fabs(value - trained) / fabs(trained) * 100);
  ins_text_add(out, "beyond the %.3g that the model was trained on", trained);
}

bool ins_range_warning(size_t n_channels, float (*range)[2], float (*trained)[2], ins_text *out) {
  bool any = false;
  for (size_t c = 0; c < n_channels; c++) {
    /* Rounding alone is nothing to warn about. */
    double slack = 1e-5 * (fabs((double)range[c][0]) + fabs((double)range[c][1]));
    bool below = (double)range[c][0] < (double)trained[c][0] - slack;
    bool above = (double)range[c][1] > (double)trained[c][1] + slack;
    if (below)
      add_side(out, c, n_channels, "goes down to", (double)range[c][0], (double)trained[c][0], -1);
    if (above)
      add_side(out, c, n_channels, "reaches", (double)range[c][1], (double)trained[c][1], 1);
    any = any || below || above;
  }
  return any;
}
