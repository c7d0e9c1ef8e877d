/* SPDX-License-Identifier: MIT */
/** Generators of parametric stimuli, in physical units, one file each.
 *
 * Times are seconds from the onset, places micrometres on the retina from the middle of the first
 * pixel (x rightwards, y downwards, as results files have them), directions degrees: 0 is
 * rightward, 90 upward (towards row 0). A screen turns these into a model's frames, pixels and
 * numbers, so that a stimulus means the same at every resolution and frame rate. A pixel shows the
 * mean of the light that falls on it, a frame what is seen at the middle of its time.
 *
 * Contrast. 0 is the model's grey, +1 and -1 are what its screen makes of full contrast, brighter
 * and darker; all contrasts of a job count from grey, also on a `background` that is none. A
 * generator paints a pattern q between -1 and 1 and the share a of each pixel that the stimulus
 * covers (a spot: 1 inside, 0 outside, between on its edge, and q = a). What is seen in channel c:
 *
 *     contrast[c,y,x] = background + weight[c] (contrast q[y,x] - background a[y,x])
 *     x[c,y,x]        = grey[c] + gain[c] contrast[c,y,x]
 *
 * that is, the stimulus takes the place of the background where it covers. So
 * - `contrast: 1` is as bright on a dark background as on grey, and where nothing covers, the
 *   background stays; a negative contrast turns the pattern's sign (a dark bar, a grating half a
 *   cycle on, a chirp that begins dark);
 * - a channel of weight 0 never leaves the background: a green spot on a dark screen leaves the
 *   other channel dark;
 * - `opponent` (weights 1, -1) is as much darker than the background in the second channel as it is
 *   brighter in the first; on grey these are the two signs of the same contrast.
 * Numbers may leave the range that a model was trained on; ins_range_warning says by how much.
 */
#ifndef INSILICO_GENERATOR_H
#define INSILICO_GENERATOR_H

#include "insilico/keys.h"
#include "insilico/stimulus.h"

enum { INS_MAX_CHANNELS = 16 };

/** What a stimulus is shown on: a model's view of the retina. */
typedef struct ins_screen {
  size_t n_channels, height, width;
  double pixel_um;               /* side of a pixel; NaN: not known */
  double rate_hz;                /* frames a second; NaN: not known */
  bool still;                    /* the model sees single frames: clips are one frame long */
  double grey[INS_MAX_CHANNELS]; /* the model's number of contrast 0, */
  double gain[INS_MAX_CHANNELS]; /* and what contrast 1 adds to it */
} ins_screen;

/** The middle of a screen in micrometres; NaN when the size of its pixels is not known. */
static inline double ins_screen_middle_x(const ins_screen *s) {
  return ((double)s->width - 1) / 2 * s->pixel_um;
}
static inline double ins_screen_middle_y(const ins_screen *s) {
  return ((double)s->height - 1) / 2 * s->pixel_um;
}

/** A generator, `ops` of an entry of ins_generators. `settings` are its validated keys, with ONE
 * value where a key has INS_KEY_MANY (a scalar, no list). x_um, y_um null: the middle of the
 * screen. */
typedef struct ins_generator {
  bool still; /* means something in a single frame */
  /** Checks the settings against the screen and makes what painting needs. What cannot be shown is
   * refused with the limit named: a spatial frequency at or above half a cycle a pixel, a temporal
   * one at or above rate_hz / 2, a bar wider than its way or too fast for the frames, a shape that
   * lies off the screen, a size or a rate that needs a unit which the model does not say.
   * *duration_s from onset to offset (not read on still screens). What is in *scene (NULL
   * beforehand) is ended in any case. */
  ins_status (*begin)(const ins_value *settings, const ins_screen *screen, void **scene,
                      double *duration_s);
  /** Paints the pattern q at t_s seconds after onset: q [H,W], or [C,H,W] when `coloured`, zeroed
   * beforehand. `contrast`, `color` and `background` are applied by the caller. 0 <= t_s; rounding
   * to whole frames may ask for up to half a frame beyond duration_s. Allocates nothing; depends on
   * nothing but the scene and t_s. */
  void (*paint)(void *scene, double t_s, float *q);
  /** Paints the covered share a [H,W], zeroed beforehand (left so: the pattern is added to the
   * background). Called only on backgrounds other than 0. NULL: the whole screen is covered. */
  void (*cover)(void *scene, double t_s, float *a);
  /** Pattern and cover at t_s stay as they are for all times before the result (INFINITY: to the
   * end). Frames in between are copied. NULL: they change all the time. */
  double (*until)(void *scene, double t_s);
  void (*end)(void **scene);
  bool coloured;       /* paints every channel itself (noise, images, sequences); the weights of
                          `color` multiply these too */
  bool periodic;       /* repeats itself in time, at temporal_frequency_hz where that is not 0 */
  const char *measure; /* of ins_response_measures: what suits it (bars: peak, gratings: mean) */
} ins_generator;

/** All generators; `ops` is an ins_generator. Ends with name == NULL. Each entry's keys begin with
 * INS_GENERATOR_KEYS. */
extern const ins_variant ins_generators[];

/** Where a stimulus is centred, and which number of a response its curves hold (for the experiments
 * that present it; the entries say what each means, without ops). */
extern const ins_variant ins_stimulus_places[];   /* field, cell */
extern const ins_variant ins_response_measures[]; /* mean, evoked, peak, f1 */

/** Keys of every generator: what it looks like (contrast, color, x_um, y_um, background, before_s,
 * after_s), and how experiments present it (name, place, measure, settle_s, refine). */
#define INS_GENERATOR_KEYS                                                                         \
  {.name = "name",                                                                                 \
   .type = INS_KEY_TEXT,                                                                           \
   .flags = INS_KEY_NULLABLE | INS_KEY_SHAPES,                                                     \
   .doc = "what it is called in the results; null: its kind"},                                     \
      {.name = "place",                                                                            \
       .type = INS_KEY_TEXT,                                                                       \
       .fallback = "field",                                                                        \
       .flags = INS_KEY_SHAPES,                                                                    \
       .variants = ins_stimulus_places,                                                            \
       .doc = "shown at one place to all neurons at once, or to each at its receptive field"},     \
      {.name = "measure",                                                                          \
       .type = INS_KEY_TEXT,                                                                       \
       .flags = INS_KEY_NULLABLE | INS_KEY_SHAPES,                                                 \
       .variants = ins_response_measures,                                                          \
       .doc = "the number of a response that tuning curves hold; null: the kind's own"},           \
      {.name = "settle_s",                                                                         \
       .type = INS_KEY_REAL,                                                                       \
       .flags = INS_KEY_NULLABLE | INS_KEY_SHAPES,                                                 \
       .min = 0,                                                                                   \
       .max = 1000,                                                                                \
       .units = "s",                                                                               \
       .doc = "left out of the measure after the onset; null: 0, of what repeats itself as long "  \
              "as the model remembers the onset, at most half"},                                   \
      {.name = "refine",                                                                           \
       .type = INS_KEY_INT,                                                                        \
       .fallback = "0",                                                                            \
       .flags = INS_KEY_SHAPES,                                                                    \
       .min = 0,                                                                                   \
       .max = 100000,                                                                              \
       .doc = "search on from each neuron's best condition, within the range of the listed "       \
              "values, with at most that many presentations"},                                     \
      {.name = "contrast",                                                                         \
       .type = INS_KEY_REAL,                                                                       \
       .fallback = "1.0",                                                                          \
       .flags = INS_KEY_MANY | INS_KEY_SHAPES | INS_KEY_REFERENCE,                                 \
       .min = -100,                                                                                \
       .max = 100,                                                                                 \
       .doc = "contrast to grey; negative: darker"},                                               \
      {.name = "color",                                                                            \
       .type = INS_KEY_TEXT,                                                                       \
       .fallback = "white",                                                                        \
       .flags = INS_KEY_MANY | INS_KEY_SHAPES,                                                     \
       .doc = "channels it is shown in: white (all), a channel's name, opponent (first against "   \
              "second), or weights such as '1, -0.5'"},                                            \
      {.name = "x_um",                                                                             \
       .type = INS_KEY_REAL,                                                                       \
       .flags = INS_KEY_MANY | INS_KEY_NULLABLE | INS_KEY_SHAPES,                                  \
       .min = -1e6,                                                                                \
       .max = 1e6,                                                                                 \
       .units = "um",                                                                              \
       .doc = "column of its middle; null: the middle of the screen (or the cell)"},               \
      {.name = "y_um",                                                                             \
       .type = INS_KEY_REAL,                                                                       \
       .flags = INS_KEY_MANY | INS_KEY_NULLABLE | INS_KEY_SHAPES,                                  \
       .min = -1e6,                                                                                \
       .max = 1e6,                                                                                 \
       .units = "um",                                                                              \
       .doc = "row of its middle, downwards; null: the middle of the screen (or the cell)"},       \
      {.name = "background",                                                                       \
       .type = INS_KEY_REAL,                                                                       \
       .fallback = "0.0",                                                                          \
       .flags = INS_KEY_SHAPES,                                                                    \
       .min = -100,                                                                                \
       .max = 100,                                                                                 \
       .doc = "contrast of the screen around it, and before and after it"},                        \
      {.name = "before_s",                                                                         \
       .type = INS_KEY_REAL,                                                                       \
       .fallback = "0.2",                                                                          \
       .flags = INS_KEY_SHAPES,                                                                    \
       .min = 0,                                                                                   \
       .max = 1000,                                                                                \
       .units = "s",                                                                               \
       .doc = "background whose response is kept, before the onset"},                              \
  {                                                                                                \
    .name = "after_s", .type = INS_KEY_REAL, .fallback = "0.5", .flags = INS_KEY_SHAPES, .min = 0, \
    .max = 1000, .units = "s", .doc = "background after the offset"                                \
  }

/* ---- one condition, rendered ---------------------------------------------------------------- */

typedef struct ins_scene ins_scene;

/** A condition of a stimulus on a screen. `settings`: {kind, ...} with single values, validated.
 * @return INS_OK; INS_ERR_ARGUMENT (cannot be shown: the limit is named), INS_ERR_MISSING (a unit
 * is not known), INS_ERR_IO, INS_ERR_FORMAT (files), INS_ERR_MEMORY */
ins_status ins_scene_create(const ins_value *settings, const ins_screen *screen,
                            ins_scene **out) INS_CHECKED;
void ins_scene_destroy(ins_scene **scene);
/** Frames from onset to offset, at least 1 (1 on a still screen). */
size_t ins_scene_frames(const ins_scene *scene);
/** x [C,n_frames,H,W] in the model's numbers: background, the stimulus from frame `onset` on,
 * background. Frame i shows the stimulus at the middle of its time, (i - onset + 0.5) / rate.
 * Allocates nothing. */
void ins_scene_render(ins_scene *scene, size_t onset, size_t n_frames, float *x);
/** One moment in contrast instead of the model's numbers, for stimuli that are made of others:
 * contrast [C,H,W] at t_s seconds after onset (background before 0 and after the last frame). */
void ins_scene_contrast(ins_scene *scene, double t_s, float *contrast);
/** Least and greatest number of each channel over the scene and the background around it:
 * range [C][2]. Paints every frame that differs, but needs no memory for them. */
void ins_scene_range(ins_scene *scene, float (*range)[2]);

/** Whether numbers of `range` lie outside the `trained` ones, both [C][2] (infinite: not known).
 * Then adds to `out` a sentence for each channel and side, such as "channel uv reaches 9.2, 47%
 * beyond the 6.27 that the model was trained on", joined by "; ". */
bool ins_range_warning(size_t n_channels, float (*range)[2], float (*trained)[2], ins_text *out);

/** Frames of `seconds` on a screen, rounded; 0 on a still screen, or when its rate is not known. */
size_t ins_screen_frames(const ins_screen *screen, double seconds);

/** Weights of the channels for a `color`: "white" (all 1), the name of a channel (that one 1),
 * "opponent" (1, -1 in the first two), or one number for each channel ("1, -0.5").
 * @param[out] weights [n_channels]
 * @return INS_OK; INS_ERR_ARGUMENT (names the channels there are) */
ins_status ins_color_parse(const char *color, size_t n_channels, double *weights) INS_CHECKED;

/** When the parts of a chirp begin, in seconds from the onset, from its validated settings (single
 * values; keys step_s, pause_s, frequency_s, contrast_s). Each part lasts until the next:
 * bright step, dark step, grey pause, frequency sweep, grey pause, contrast sweep, grey pause. */
typedef struct ins_chirp_parts {
  double bright_s, dark_s, first_pause_s, frequency_s, second_pause_s, contrast_s, last_pause_s;
  double end_s;
} ins_chirp_parts;
void ins_chirp_times(const ins_value *settings, ins_chirp_parts *parts);

#endif
