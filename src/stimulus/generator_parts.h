/* SPDX-License-Identifier: MIT */
/** What generators share: reading settings, refusals, and how much of a pixel a shape covers.
 * Private to the room.
 *
 * Geometry is in pixels: x rightwards, y downwards, 0 the middle of the first pixel, so that pixel
 * (j, i) is the square [j - 1/2, j + 1/2] x [i - 1/2, i + 1/2]. A pixel shows the mean of the light
 * that falls on it. That is what a model was trained on (its movies are coarser than the retina's
 * mosaic), and it makes a stimulus the same at every resolution: the mean of four small pixels is
 * the large one.
 */
#ifndef INSILICO_STIMULUS_GENERATOR_PARTS_H
#define INSILICO_STIMULUS_GENERATOR_PARTS_H

#include "insilico/generator.h"

/* ---- all generators: a table of keys and operations each, listed in generators.c ------------- */
extern const ins_key ins_step_keys[], ins_flash_keys[], ins_chirp_keys[], ins_grating_keys[],
    ins_moving_bar_keys[], ins_spot_keys[], ins_annulus_keys[], ins_white_noise_keys[],
    ins_image_keys[], ins_movie_keys[], ins_sequence_keys[], ins_gabor_keys[],
    ins_difference_of_gaussians_keys[], ins_plaid_keys[];
extern const ins_generator ins_step_generator, ins_flash_generator, ins_chirp_generator,
    ins_grating_generator, ins_moving_bar_generator, ins_spot_generator, ins_annulus_generator,
    ins_white_noise_generator, ins_image_generator, ins_movie_generator, ins_sequence_generator,
    ins_gabor_generator, ins_difference_of_gaussians_generator, ins_plaid_generator;

/* ---- keys that several have ------------------------------------------------------------------ */
enum { INS_KEY_PARAMETER = INS_KEY_MANY | INS_KEY_SHAPES };        /* what one would vary */
enum { INS_KEY_QUANTITY = INS_KEY_PARAMETER | INS_KEY_REFERENCE }; /* also by a measured number */

#define INS_DURATION_KEY(seconds)                                                                  \
  {                                                                                                \
    .name = "duration_s", .type = INS_KEY_REAL, .fallback = seconds, .flags = INS_KEY_PARAMETER,   \
    .min = 1e-3, .max = 1e4, .units = "s",                                                         \
    .doc = "from onset to offset; models of single frames see one frame"                           \
  }
#define INS_DIRECTION_KEY(what)                                                                    \
  {                                                                                                \
    .name = "direction_deg", .type = INS_KEY_REAL, .fallback = "0", .flags = INS_KEY_QUANTITY,     \
    .min = -3600, .max = 3600, .units = "deg", .doc = what                                         \
  }
#define INS_PHASE_KEY(degrees, what)                                                               \
  {                                                                                                \
    .name = "phase_deg", .type = INS_KEY_REAL, .fallback = degrees, .flags = INS_KEY_QUANTITY,     \
    .min = -3600, .max = 3600, .units = "deg", .doc = what                                         \
  }
/* Null: the whole screen. */
#define INS_APERTURE_KEY                                                                           \
  {                                                                                                \
    .name = "diameter_um", .type = INS_KEY_REAL, .flags = INS_KEY_QUANTITY | INS_KEY_NULLABLE,     \
    .min = 1e-3, .max = 1e6, .units = "um",                                                        \
    .doc = "shown in a disc of this diameter; null: on the whole screen"                           \
  }

/* ---- settings -------------------------------------------------------------------------------- */
/** The number of `key`; NaN for null. */
double ins_setting_real(const ins_value *settings, const char *key);
/** The text of `key`; "" for null. */
const char *ins_setting_text(const ins_value *settings, const char *key);
/** The name of the generator, which every refusal begins with. */
const char *ins_setting_kind(const ins_value *settings);

/* ---- refusals -------------------------------------------------------------------------------- */
/** INS_ERR_MISSING when the model does not say the size of its pixels, or its frame rate. */
ins_status ins_screen_need_pixel(const ins_screen *screen, const ins_value *settings) INS_CHECKED;
ins_status ins_screen_need_rate(const ins_screen *screen, const ins_value *settings) INS_CHECKED;
/** INS_ERR_ARGUMENT on a still screen, for `what` ("kind chirp", "motion drifting"); else as
 * ins_screen_need_rate. */
ins_status ins_screen_need_time(const ins_screen *screen, const ins_value *settings,
                                const char *what) INS_CHECKED;
/** A frequency of `key` that pixels or frames cannot show: at or above half of their number. At
 * exactly half, the phase decides whether anything is seen, and motion has no direction. */
ins_status ins_frequency_check_space(const ins_screen *screen, const ins_value *settings,
                                     const char *key) INS_CHECKED;
ins_status ins_frequency_check_time(const ins_screen *screen, const ins_value *settings,
                                    const char *key) INS_CHECKED;
/** *duration_s of the setting; on screens with time, needs the rate. */
ins_status ins_setting_duration(const ins_value *settings, const ins_screen *screen,
                                double *duration_s) INS_CHECKED;

/* ---- places and directions ------------------------------------------------------------------- */
/** Middle of a stimulus in pixels: x_um, y_um, or the middle of the screen. */
void ins_setting_middle(const ins_value *settings, const ins_screen *screen, double middle[2]);
/** Unit vector (x, y downwards) of a direction in degrees; exact at multiples of 90. */
void ins_direction_vector(double degrees, double vector[2]);

/* ---- how much of a pixel a shape covers, exactly, 0 to 1 --------------------------------------
 */
/** The half plane behind a straight edge; `inside` is how far the pixel's middle lies within it,
 * `normal` the edge's unit normal. */
double ins_cover_edge(double inside, const double normal[2]);
/** The strip |along| <= half_width, for a pixel whose middle lies at `along` on the normal. */
double ins_cover_strip(double along, double half_width, const double normal[2]);
/** A disc, for a pixel whose middle lies (x, y) from the disc's. */
double ins_cover_disc(double x, double y, double radius);
/** Area of a convex polygon [n][2] within the rectangle of half sides `half` along `axis` and
 * across it, around the origin; n <= 4. */
double ins_cover_polygon(const double *corners, size_t n, const double axis[2],
                         const double half[2]);
/** image[y,x] += weight * cover of a disc, touching only its pixels. */
void ins_disc_add(const ins_screen *screen, const double middle[2], double radius, float weight,
                  float *image);
/** INS_ERR_ARGUMENT when no part of the disc is on the screen. */
ins_status ins_disc_check(const ins_screen *screen, const ins_value *settings,
                          const double middle[2], double radius) INS_CHECKED;
/** *out = cover [H,W] of the disc of the setting `diameter_um` (null: NULL, the whole screen), from
 * ins_alloc; checked. */
ins_status ins_aperture_create(const ins_value *settings, const ins_screen *screen,
                               float **out) INS_CHECKED;

#endif
