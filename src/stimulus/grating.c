/* SPDX-License-Identifier: MIT */
/* Sine and square gratings. A pixel shows the mean of the grating over its area, like everything
 * else here: sampled at the pixels' middles, a grating would have its full contrast up to the
 * Nyquist frequency, which no retina behind such pixels sees, and would look different at another
 * resolution. The mean of a sine is the sine times sinc(f a) sinc(f b), a and b the sides of the
 * pixel as the direction sees them; a square wave's is that of its edges. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "generator_parts.h"
#include "insilico/memory.h"

static const ins_variant waveforms[] = {
    {.name = "sine", .doc = "contrast goes as a cosine, brightest at phase 0"},
    {.name = "square", .doc = "bright and dark stripes of equal width"},
    {0},
};

static const ins_variant motions[] = {
    {.name = "drifting", .doc = "moves in its direction"},
    {.name = "counterphase",
     .doc =
         "stands while its contrast goes as a cosine of time; a square grating reverses at once"},
    {.name = "static", .doc = "stands; the only one for models of single frames"},
    {0},
};

const ins_key ins_grating_keys[] = {
    INS_GENERATOR_KEYS,
    INS_DIRECTION_KEY("direction it drifts in, across its stripes: 0 rightward, 90 upward"),
    {.name = "spatial_frequency_cpmm",
     .type = INS_KEY_REAL,
     .fallback = "2",
     .flags = INS_KEY_QUANTITY,
     .min = 1e-6,
     .max = 1e6,
     .units = "1/mm",
     .doc =
         "cycles per millimetre of retina; near half a cycle a pixel the pixels' size takes away "
         "contrast"},
    {.name = "temporal_frequency_hz",
     .type = INS_KEY_REAL,
     .fallback = "2",
     .flags = INS_KEY_QUANTITY,
     .min = 0,
     .max = 1e6,
     .units = "Hz",
     .doc = "cycles a second; not used by static ones"},
    INS_PHASE_KEY("0", "phase in its middle at the onset; 0: brightest"),
    {.name = "waveform",
     .type = INS_KEY_TEXT,
     .fallback = "sine",
     .flags = INS_KEY_PARAMETER,
     .variants = waveforms,
     .doc = "profile of its stripes"},
    {.name = "motion",
     .type = INS_KEY_TEXT,
     .fallback = "drifting",
     .flags = INS_KEY_PARAMETER,
     .variants = motions,
     .doc = "what it does in time"},
    INS_APERTURE_KEY,
    INS_DURATION_KEY("2"),
    {0}};

typedef struct grating {
  size_t height, width;
  bool square, moves, reverses;
  double frequency;  /* cycles a pixel */
  double forward[2]; /* unit vector of its direction */
  double rate_hz;
  double corner;   /* cycles at the middle of pixel (0, 0) at the onset */
  float *aperture; /* [H,W]; NULL: the whole screen */
  float *at_zero;  /* [H,W] at the onset, in the aperture; */
  float *quarter;  /* and a quarter of a cycle later: a sine's other half */
} grating;

/* ---- the two waveforms, at the middle of a pixel, `cycles` after a maximum ---------------------
 */

static double sinc(double x) {
  return fabs(x) < 1e-8 ? 1 : sin(M_PI * x) / (M_PI * x);
}

/* A square wave's mean over a pixel: the nearest edge, and its neighbours at either side, which
 * fine gratings have within the same pixel. No pixel reaches more: half a cycle is over 1 wide. */
static double square_mean(const grating *g, double cycles) {
  double half = 0.5 / g->frequency, edges = 2 * cycles + 0.5; /* one at every whole number */
  int64_t nearest = (int64_t)(edges + 0.5);
  if ((double)nearest > edges + 0.5) nearest--;
  double beyond = (edges - (double)nearest) * half; /* pixels since the nearest edge */
  double sign = nearest & 1 ? -1 : 1;
  if (fabs(beyond) >= M_SQRT1_2 && half - fabs(beyond) >= M_SQRT1_2)
    return beyond < 0 ? -sign : sign;
  return sign *
         (2 * (ins_cover_edge(beyond, g->forward) - ins_cover_edge(beyond - half, g->forward) -
               ins_cover_edge(beyond + half, g->forward)) +
          1);
}

/* image[y,x] = the square grating with `shift` cycles gone by, in its aperture. */
static void draw_square(const grating *g, double shift, float *image) {
  for (size_t i = 0, k = 0; i < g->height; i++) {
    double row = g->corner + g->frequency * g->forward[1] * (double)i - shift;
    for (size_t j = 0; j < g->width; j++, k++) {
      double value = square_mean(g, row + g->frequency * g->forward[0] * (double)j);
      image[k] = (float)value * (g->aperture ? g->aperture[k] : 1);
    }
  }
}

/* Both halves of a sine; from one pixel to the next its phase turns by the same angle. */
static void draw_sine(const grating *g) {
  double most = sinc(g->frequency * g->forward[0]) * sinc(g->frequency * g->forward[1]);
  double turn = 2 * M_PI * g->frequency * g->forward[0], turn_x = cos(turn), turn_y = sin(turn);
  for (size_t i = 0, k = 0; i < g->height; i++) {
    double row = 2 * M_PI * (g->corner + g->frequency * g->forward[1] * (double)i);
    double x = most * cos(row), y = most * sin(row);
    for (size_t j = 0; j < g->width; j++, k++) {
      float share = g->aperture ? g->aperture[k] : 1;
      g->at_zero[k] = (float)x * share;
      g->quarter[k] = (float)y * share;
      double next = x * turn_x - y * turn_y;
      y = x * turn_y + y * turn_x;
      x = next;
    }
  }
}

/* ---- making ---------------------------------------------------------------------------------- */

static ins_status check(const ins_value *settings, const ins_screen *screen) {
  char what[64];
  const char *motion = ins_setting_text(settings, "motion");
  ins_status status = ins_screen_need_pixel(screen, settings);
  if (status == INS_OK && strcmp(motion, "static") != 0) {
    snprintf(what, sizeof what, "motion %s", motion);
    status = ins_screen_need_time(screen, settings, what);
    if (status == INS_OK)
      status = ins_frequency_check_time(screen, settings, "temporal_frequency_hz");
  }
  if (status != INS_OK) return status;
  return ins_frequency_check_space(screen, settings, "spatial_frequency_cpmm");
}

static void read_settings(grating *g, const ins_value *settings, const ins_screen *screen) {
  double middle[2];
  const char *motion = ins_setting_text(settings, "motion");
  g->height = screen->height;
  g->width = screen->width;
  g->square = strcmp(ins_setting_text(settings, "waveform"), "square") == 0;
  g->moves = strcmp(motion, "drifting") == 0;
  g->reverses = strcmp(motion, "counterphase") == 0;
  g->frequency = ins_setting_real(settings, "spatial_frequency_cpmm") / 1000 * screen->pixel_um;
  g->rate_hz = ins_setting_real(settings, "temporal_frequency_hz");
  ins_direction_vector(ins_setting_real(settings, "direction_deg"), g->forward);
  ins_setting_middle(settings, screen, middle);
  g->corner = ins_setting_real(settings, "phase_deg") / 360 -
              g->frequency * (g->forward[0] * middle[0] + g->forward[1] * middle[1]);
}

static ins_status begin(const ins_value *settings, const ins_screen *screen, void **scene,
                        double *duration_s) {
  size_t n = screen->height * screen->width;
  ins_status status = check(settings, screen);
  if (status == INS_OK) status = ins_setting_duration(settings, screen, duration_s);
  if (status == INS_OK) status = ins_alloc(1, sizeof(grating), scene);
  if (status != INS_OK) return status;
  grating *g = *scene;
  read_settings(g, settings, screen);
  status = ins_aperture_create(settings, screen, &g->aperture);
  if (status == INS_OK) status = ins_alloc(n, sizeof *g->at_zero, &g->at_zero);
  if (status == INS_OK) status = ins_alloc(n, sizeof *g->quarter, &g->quarter);
  if (status != INS_OK) return status;
  if (g->square)
    draw_square(g, 0, g->at_zero);
  else
    draw_sine(g);
  return INS_OK;
}

/* ---- painting -------------------------------------------------------------------------------- */

/* q = a at_zero + b quarter: cos(x - wt) = cos(wt) cos(x) + sin(wt) cos(x - pi/2) for a sine that
 * drifts, so that a frame costs two products a pixel. */
static void mix(const grating *g, double a, double b, float *q) {
  const float fa = (float)a, fb = (float)b;
  for (size_t i = 0; i < g->height * g->width; i++) q[i] = fa * g->at_zero[i] + fb * g->quarter[i];
}

static void paint(void *scene, double t_s, float *q) {
  const grating *g = scene;
  double cycles = g->rate_hz * t_s, wave = cos(2 * M_PI * cycles);
  if (g->moves && g->square)
    draw_square(g, cycles, q);
  else if (g->moves)
    mix(g, wave, sin(2 * M_PI * cycles), q);
  else if (g->reverses)
    mix(g, g->square ? copysign(1, wave) : wave, 0, q);
  else
    mix(g, 1, 0, q);
}

static void cover(void *scene, double t_s, float *a) {
  const grating *g = scene;
  (void)t_s;
  for (size_t i = 0; i < g->height * g->width; i++) a[i] = g->aperture ? g->aperture[i] : 1;
}

static double until(void *scene, double t_s) {
  const grating *g = scene;
  return g->moves || g->reverses ? t_s : (double)INFINITY;
}

static void end(void **scene) {
  grating *g = *scene;
  if (g) {
    ins_free(&g->aperture);
    ins_free(&g->at_zero);
    ins_free(&g->quarter);
  }
  ins_free(scene);
}

const ins_generator ins_grating_generator = {.still = true,
                                             .begin = begin,
                                             .paint = paint,
                                             .cover = cover,
                                             .until = until,
                                             .end = end,
                                             .periodic = true,
                                             .measure = "mean"};
