/* SPDX-License-Identifier: MIT */
/** A sine wave under a Gaussian, standing or drifting: what Gabors and plaids are made of. Private
 * to the room.
 */
#ifndef INSILICO_STIMULUS_WAVE_H
#define INSILICO_STIMULUS_WAVE_H

#include "generator_parts.h"

#define INS_WAVES_SPATIAL_KEY(what)                                                                \
  {                                                                                                \
    .name = "spatial_frequency_cpmm", .type = INS_KEY_REAL, .fallback = "4.0",                     \
    .flags = INS_KEY_QUANTITY, .min = 0, .max = 1e4, .units = "1/mm", .doc = what                  \
  }
#define INS_WAVES_TEMPORAL_KEY(hz, what)                                                           \
  {                                                                                                \
    .name = "temporal_frequency_hz", .type = INS_KEY_REAL, .fallback = hz,                         \
    .flags = INS_KEY_QUANTITY, .min = 0, .max = 1e4, .units = "Hz", .doc = what                    \
  }

/** q(u,v,t) = exp(-(u^2 + aspect^2 v^2) / (2 sigma^2)) cos(2 pi (f u - F t) + phase), with u along
 * the direction of motion and v across it, in pixels from the middle. */
typedef struct ins_wave {
  double middle[2], direction[2]; /* pixels; unit vector, y downwards */
  double frequency;               /* cycles a pixel */
  double phase;                   /* radians */
  double sigma, aspect;           /* pixels; INFINITY: no Gaussian */
} ins_wave;

/** Waves of one temporal frequency: q at any time is a sum of two images. */
typedef struct ins_waves {
  size_t n; /* pixels */
  double cycles_per_s;
  float *cosine, *sine; /* [H,W]: q = cosine cos(2 pi F t) + sine sin(2 pi F t) */
  float *cover;         /* [H,W] */
} ins_waves;

/** Reads temporal_frequency_hz (0: standing) and checks it and spatial_frequency_cpmm; needs the
 * units that are used. *scene = waves without any; `paint`, ... below are its operations. */
ins_status ins_waves_begin(const ins_value *settings, const ins_screen *screen, void **scene,
                           double *duration_s) INS_CHECKED;
/** Adds `weight` times a wave; a pixel shows its mean (Gauss-Legendre, 4 x 4 points). */
void ins_waves_add(ins_waves *waves, const ins_screen *screen, const ins_wave *wave, float weight);
/** cover[H,W] = mean of the wave's Gaussian over each pixel. */
void ins_waves_cover(ins_waves *waves, const ins_screen *screen, const ins_wave *wave);

void ins_waves_paint(void *scene, double t_s, float *q);
void ins_waves_paint_cover(void *scene, double t_s, float *a);
double ins_waves_until(void *scene, double t_s);
void ins_waves_end(void **scene);

/** A Gaussian must be wider than half a pixel to be shown, and must reach the screen (2 SD). */
ins_status ins_sigma_check(const ins_screen *screen, const ins_value *settings, const char *key,
                           double sigma, const double middle[2]) INS_CHECKED;

/** Offsets and weights of four points within a pixel; the weights' sum is 1. */
extern const double ins_pixel_points[4][2];

#endif
