/* SPDX-License-Identifier: MIT */
/** A stimulus made ready to be looked at: its conditions as scenes on a screen, and their colours.
 * Private to the room.
 */
#ifndef INSILICO_APP_STIMULUS_VIEW_H
#define INSILICO_APP_STIMULUS_VIEW_H

#include "insilico/generator.h"

/** One condition. A clip is `before` frames of background, `shown` of the stimulus, `after`. */
typedef struct ins_shown {
  char *label; /* "direction_deg 45, speed_um_s 600"; "" of the only one */
  ins_scene *scene;
  size_t before, shown, after, row, column; /* frames; pixel in the middle of the stimulus */
} ins_shown;

typedef struct ins_view {
  ins_screen screen;
  char *title, *notes;
  size_t n_conditions; /* of the stimulus; not all are shown when there are too many */
  size_t n_last;       /* values of the parameter that changes fastest */
  size_t n;
  ins_shown *shown;                 /* [n] */
  size_t longest;                   /* frames of the longest condition, of all */
  float range[INS_MAX_CHANNELS][2]; /* of all conditions, in the model's numbers */
  double brightest;                 /* largest contrast of either sign in those shown */
} ins_view;

enum { INS_VIEW_MOST = 24 }; /* conditions shown, evenly chosen of more */

/** Makes every condition of a stimulus once, so that what cannot be shown is refused. `settings`
 * are validated; numbers measured of neurons stand at their defaults, `notes` say which. */
ins_status ins_view_create(const ins_value *settings, const ins_screen *screen,
                           ins_view *out) INS_CHECKED;
void ins_view_clear(ins_view *view);

static inline size_t ins_shown_frames(const ins_shown *s) {
  return s->before + s->shown + s->after;
}
/** The stimulus's time in the middle of a frame of the clip, seconds after onset; 0 on still
 * screens. */
double ins_view_time(const ins_view *view, const ins_shown *s, size_t frame);
/** contrast [C,H,W] of a frame of the clip. */
void ins_view_contrast(const ins_view *view, const ins_shown *s, size_t frame, float *contrast);
/** rgb [n,3] of n pixels of contrast [C,n]. Contrast -1 is black, 0 mid grey, 1 white, and what is
 * beyond is cut. Two channels are green and violet: grey where they agree. Three are red, green and
 * blue; of more, their mean. */
void ins_view_colors(size_t n_channels, size_t n, const float *contrast, uint8_t *rgb);
/** Does the stimulus look the same from onset to offset, in every condition shown? */
ins_status ins_view_stands(const ins_view *view, bool *stands) INS_CHECKED;

#endif
