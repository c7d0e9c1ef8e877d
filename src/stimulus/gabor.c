/* SPDX-License-Identifier: MIT */
/* Generator `gabor`: a sine wave under a Gaussian, standing or drifting. */
#include <math.h>

#include "wave.h"

const ins_key ins_gabor_keys[] = {
    INS_GENERATOR_KEYS,
    INS_DIRECTION_KEY("its bars lie across this direction, and drift along it"),
    INS_WAVES_SPATIAL_KEY("cycles per millimetre of retina"),
    INS_WAVES_TEMPORAL_KEY("0.0", "cycles a second that drift past; 0: it stands"),
    {.name = "sigma_um",
     .type = INS_KEY_REAL,
     .fallback = "100.0",
     .flags = INS_KEY_QUANTITY,
     .min = 1e-3,
     .max = 1e6,
     .units = "um",
     .doc = "SD of the Gaussian along the direction"},
    {.name = "aspect",
     .type = INS_KEY_REAL,
     .fallback = "1.0",
     .flags = INS_KEY_QUANTITY,
     .min = 0.01,
     .max = 100,
     .doc = "sigma_um over the SD across the direction; below 1: long bars"},
    INS_PHASE_KEY("0.0", "at onset; 0: brightest in the middle, 90: dark ahead of it"),
    INS_DURATION_KEY("1.0"),
    {0},
};

static ins_status begin(const ins_value *settings, const ins_screen *screen, void **scene,
                        double *duration_s) {
  ins_status status = ins_waves_begin(settings, screen, scene, duration_s);
  if (status != INS_OK) return status;
  const double um = screen->pixel_um;
  ins_wave wave = {.frequency = ins_setting_real(settings, "spatial_frequency_cpmm") * um / 1000,
                   .phase = ins_setting_real(settings, "phase_deg") * (M_PI / 180),
                   .sigma = ins_setting_real(settings, "sigma_um") / um,
                   .aspect = ins_setting_real(settings, "aspect")};
  ins_setting_middle(settings, screen, wave.middle);
  ins_direction_vector(ins_setting_real(settings, "direction_deg"), wave.direction);
  const double narrow = fmin(wave.sigma, wave.sigma / wave.aspect);
  status = ins_sigma_check(screen, settings, narrow < wave.sigma ? "sigma_um / aspect" : "sigma_um",
                           narrow, wave.middle);
  if (status != INS_OK) return status;
  ins_waves_add(*scene, screen, &wave, 1);
  ins_waves_cover(*scene, screen, &wave);
  return INS_OK;
}

const ins_generator ins_gabor_generator = {.still = true,
                                           .begin = begin,
                                           .paint = ins_waves_paint,
                                           .cover = ins_waves_paint_cover,
                                           .until = ins_waves_until,
                                           .end = ins_waves_end,
                                           .periodic = true,
                                           .measure = "mean"};
