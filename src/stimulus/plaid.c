/* SPDX-License-Identifier: MIT */
/* Generator `plaid`: two sine gratings that cross at an angle. */
#include <math.h>

#include "insilico/memory.h"
#include "wave.h"

const ins_key ins_plaid_keys[] = {
    INS_GENERATOR_KEYS,
    INS_DIRECTION_KEY("of the pattern: its gratings move to either side of it"),
    {.name = "angle_deg",
     .type = INS_KEY_REAL,
     .fallback = "90.0",
     .flags = INS_KEY_QUANTITY,
     .min = 0,
     .max = 360,
     .units = "deg",
     .doc = "between the directions of the two gratings"},
    INS_WAVES_SPATIAL_KEY("of both gratings, cycles per millimetre of retina"),
    INS_WAVES_TEMPORAL_KEY("2.0",
                           "of both gratings, cycles a second that drift past; 0: it stands"),
    INS_PHASE_KEY("0.0", "of both gratings in the middle, at onset"),
    INS_APERTURE_KEY,
    {.name = "sigma_um",
     .type = INS_KEY_REAL,
     .flags = INS_KEY_QUANTITY | INS_KEY_NULLABLE,
     .min = 1e-3,
     .max = 1e6,
     .units = "um",
     .doc = "shown through a Gaussian of this SD; null: through none"},
    INS_DURATION_KEY("2.0"),
    {0},
};

/* The disc, where there is one: a pixel shows the share of the pattern that the disc covers. */
static ins_status cut_out(const ins_value *settings, const ins_screen *screen, ins_waves *waves) {
  float *disc = NULL;
  ins_status status = ins_aperture_create(settings, screen, &disc);
  for (size_t i = 0; status == INS_OK && disc && i < waves->n; i++) {
    waves->cosine[i] *= disc[i];
    waves->sine[i] *= disc[i];
    waves->cover[i] *= disc[i];
  }
  ins_free(&disc);
  return status;
}

static ins_status begin(const ins_value *settings, const ins_screen *screen, void **scene,
                        double *duration_s) {
  ins_status status = ins_waves_begin(settings, screen, scene, duration_s);
  if (status != INS_OK) return status;
  const double um = screen->pixel_um, direction = ins_setting_real(settings, "direction_deg");
  const double half = ins_setting_real(settings, "angle_deg") / 2;
  const double sigma = ins_setting_real(settings, "sigma_um") / um;
  ins_wave wave = {.frequency = ins_setting_real(settings, "spatial_frequency_cpmm") * um / 1000,
                   .phase = ins_setting_real(settings, "phase_deg") * (M_PI / 180),
                   .sigma = isnan(sigma) ? (double)INFINITY : sigma,
                   .aspect = 1};
  ins_setting_middle(settings, screen, wave.middle);
  if (!isnan(sigma)) status = ins_sigma_check(screen, settings, "sigma_um", sigma, wave.middle);
  if (status != INS_OK) return status;
  for (int side = -1; side <= 1; side += 2) {
    ins_direction_vector(direction + side * half, wave.direction);
    ins_waves_add(*scene, screen, &wave, 0.5F);
  }
  ins_waves_cover(*scene, screen, &wave);
  return cut_out(settings, screen, *scene);
}

const ins_generator ins_plaid_generator = {.still = true,
                                           .begin = begin,
                                           .paint = ins_waves_paint,
                                           .cover = ins_waves_paint_cover,
                                           .until = ins_waves_until,
                                           .end = ins_waves_end,
                                           .periodic = true,
                                           .measure = "mean"};
