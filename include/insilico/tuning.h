/* SPDX-License-Identifier: MIT */
/** Tuning curves of one neuron -> indices, fits, statistics.
 *
 * An analysis is a value: the indices it gives, with their definitions, and a function from the
 * responses of one neuron to their values. A failed fit or a silent neuron is a flag (`valid`
 * false, value NaN), never an error. Everything is double precision, in a fixed order, and a pure
 * function of its arguments; random numbers come from the stream that is passed.
 */
#ifndef INSILICO_TUNING_H
#define INSILICO_TUNING_H

#include "insilico/random.h"
#include "insilico/value.h"

/** Definition of an index, as the results file records it. */
typedef struct ins_index {
  const char *name; /* "dsi", "preferred_direction_deg" */
  const char *units;
  const char *long_name;
  const char *source; /* formula and citation */
  bool interval;      /* has a confidence interval where there are repeats */
  bool test;          /* has a p-value where there are repeats */
} ins_index;

/** A value of one. NaN: not known (no repeats, or not valid). */
typedef struct ins_measure {
  double value, low, high, p;
  bool valid;
} ins_measure;

/** How intervals and p-values are made. */
typedef struct ins_statistics {
  ins_stream stream;     /* of this neuron and stimulus; elements from 0 are free to use */
  size_t n_permutations; /* 0: no p-values. p = (1 + count) / (1 + n) (Phipson & Smyth 2010) */
  size_t n_resamples;    /* 0: no intervals; percentile bootstrap over repeats (Efron 1979) */
  double level;          /* of the intervals, 0.95 */
} ins_statistics;

/** What one neuron answered to a stimulus along one of its parameters; all other parameters fixed.
 * Arrays are the caller's. */
typedef struct ins_tuning_data {
  size_t n;                   /* conditions */
  const double *x;            /* [n] values of the parameter, as listed (any order); for texts their
                                 numbers 0..n-1 */
  const char *const *labels;  /* [n] for parameters that are texts (color), else NULL */
  const double *y;            /* [n] response without noise (mean, peak, ...) */
  size_t n_trials;            /* repeats R; 0: none */
  const double *trials;       /* [n][R] responses with noise, or NULL */
  size_t n_frames;            /* of a trace */
  const double *traces;       /* [n][n_frames] response without noise */
  const double *trial_traces; /* [n][R][n_frames] with noise, or NULL */
  double rate_hz;             /* frames a second; NaN: single frames */
  size_t onset;               /* frame of a trace that answers the first frame of the stimulus */
  size_t offset; /* frame that answers the first frame after it (condition-wise longest) */
  const ins_value *settings; /* of the stimulus: {kind, ...}; other keys with the fixed value */
  ins_statistics statistics;
} ins_tuning_data;

/** An analysis of a curve; `out` has one measure an index. INS_ERR_MEMORY is its only failure. */
typedef struct ins_analysis {
  const char *name; /* "direction" */
  const char *doc;
  const ins_index *indices; /* [n_indices] */
  size_t n_indices;
  bool courses; /* looks at the time courses of repeats: trial_traces */
  ins_status (*run)(const ins_tuning_data *data, ins_measure *out);
} ins_analysis;

/* ---- analyses, by the parameter that varies ------------------------------------------------- */
extern const ins_analysis ins_direction_analysis;   /* x: direction_deg, of things that move */
extern const ins_analysis ins_orientation_analysis; /* x: direction_deg of things that do not */
extern const ins_analysis ins_contrast_analysis;    /* x: contrast; Naka-Rushton */
extern const ins_analysis ins_spatial_frequency_analysis;  /* x: cycles per mm; log-Gaussian */
extern const ins_analysis ins_temporal_frequency_analysis; /* x: Hz; log-Gaussian, F1/F0, F2/F1 */
extern const ins_analysis
    ins_area_analysis; /* x: diameter in um; difference of integrals of Gaussians */
extern const ins_analysis ins_speed_analysis; /* x: um/s; log-Gaussian */
extern const ins_analysis ins_color_analysis; /* labels: colours */
extern const ins_analysis
    ins_step_analysis; /* a step or flash: x: contrast, one bright and/or one dark */
extern const ins_analysis ins_chirp_analysis; /* a chirp, n = 1 */
extern const ins_analysis
    ins_response_analysis; /* anything: quality index, sparseness, is it tuned */

/** All of them; ends with NULL. */
extern const ins_analysis *const ins_analyses[];

/* ---- receptive fields ----------------------------------------------------------------------- */
/** A linear receptive field w[c,lag,y,x]: what one unit of stimulus adds to the response. */
typedef struct ins_field {
  size_t n_channels, n_lags, height, width;
  const double *w; /* [C,L,H,W], L in order of stimulus frames: the last is the most recent */
  long last_lag;   /* of the last frame, counted from the frame that the response answers: 0; above
                      it for models that see ahead */
  double noise;    /* standard error of an element of w; 0: w is exact */
  double pixel_um; /* NaN: not known: sizes and places in um are then not valid */
  double rate_hz;  /* NaN: not known: times are then not valid */
} ins_field;
/** Numbers of the indices of a field in ins_field_indices. */
enum {
  INS_FIELD_X_UM,
  INS_FIELD_Y_UM,
  INS_FIELD_X_PX,
  INS_FIELD_Y_PX,
  INS_FIELD_SIGMA_UM, /* of the circular Gaussian whose middle x and y are */
  INS_FIELD_SIGMA_PX,
  INS_FIELD_SIGMA_MAJOR_UM, /* of the rotated Gaussian */
  INS_FIELD_SIGMA_MINOR_UM,
  INS_FIELD_ANGLE_DEG,
  INS_FIELD_AREA_UM2,           /* at 2 SD */
  INS_FIELD_EXPLAINED_VARIANCE, /* "field_explained_variance" */
  INS_FIELD_SURROUND_INDEX,
  INS_FIELD_POLARITY,         /* "field_polarity": 1 ON, -1 OFF */
  INS_FIELD_COLOR_PREFERENCE, /* "field_colour_preference" */
  INS_FIELD_TIME_TO_PEAK_S,
  INS_FIELD_BIPHASIC_INDEX,
  INS_FIELD_SEPARABILITY,
  INS_N_FIELD_INDICES
};
extern const ins_index ins_field_indices[];
extern const size_t ins_n_field_indices;
/** Explained variance from which on a Gaussian counts as a description of a field. */
#define INS_FIELD_LEAST_VARIANCE 0.3
/** spatial [H,W]: first singular vector of [C*L, H*W], scaled to max |.| = 1, its largest pixel +1
 * for ON and -1 for OFF; temporal [C,L] takes the rest, so that spatial * temporal is the field and
 * the largest element of temporal is positive. *found: whether there is a field at all: not zero,
 * finite and above its noise. Nothing is valid otherwise, and spatial and temporal are zeros (NaN
 * when w is not finite, the noise's own when it is noise).
 * @param[out] out [ins_n_field_indices]
 * @return INS_OK; INS_ERR_MEMORY */
ins_status ins_field_analyse(const ins_field *field, double *spatial, double *temporal, bool *found,
                             ins_measure *out) INS_CHECKED;

/* ---- statistics ----------------------------------------------------------------------------- */
/** False-discovery rates of Benjamini & Hochberg (1995) over n tests; NaN p: no test, NaN q. */
ins_status ins_false_discovery(size_t n, const double *p, double *q) INS_CHECKED;
/** F0, and amplitudes F1, F2 at frequency f_hz over whole cycles of trace[n_frames] from its start;
 * NaN when it is shorter than a cycle, or the frequency is at or above half the frame rate. */
void ins_harmonics(const double *trace, size_t n_frames, double rate_hz, double f_hz,
                   double amplitude[3]);

/* ---- searching ------------------------------------------------------------------------------ */
/** Maximises f over a box from x (in and out), n parameters, without derivatives: compass search
 * (Kolda, Lewis & Torczon 2003) with first steps step[n], halved down to 1/64. A circular parameter
 * (period[i] > 0) has no bounds. At most n_most evaluations; *n_used. Equal arguments give equal
 * bits. Stops with the status of f when that is not INS_OK. */
typedef ins_status (*ins_search_value)(void *context, const double *x, double *value);
ins_status ins_compass_search(ins_search_value f, void *context, size_t n, const double *low,
                              const double *high, const double *period, const double *step,
                              size_t n_most, double *x, double *best, size_t *n_used) INS_CHECKED;

#endif
