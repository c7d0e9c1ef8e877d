/* SPDX-License-Identifier: MIT */
/** Noise of responses, so that statistics over repeats have something to test. A model answers the
 * same stimulus always in the same way; recorded neurons do not. */
#ifndef INSILICO_NOISE_H
#define INSILICO_NOISE_H

#include "insilico/keys.h"
#include "insilico/random.h"

/** Keys `gain`, `sd`, ... are those of the kind. */
extern const ins_variant ins_noises[]; /* none, poisson, gaussian; ends with name == NULL */

typedef struct ins_noise {
  enum { INS_NOISE_NONE, INS_NOISE_POISSON, INS_NOISE_GAUSSIAN } kind;
  double gain; /* poisson: expected counts of a frame for a response of 1 */
  double sd;   /* gaussian: standard deviation of a frame */
} ins_noise;

/** From a validated choice {kind, ...}. */
void ins_noise_read(const ins_value *settings, ins_noise *out);
/** out[t] = trace[t] with noise, t < n. Poisson: counts of mean gain * max(trace, 0), divided by
 * the gain. Element t depends on the stream, t and trace[t] only. */
void ins_noise_add(const ins_noise *noise, const ins_stream *stream, size_t n, const float *trace,
                   double *out);
/** x with noise, as element `element` of a trace that ins_noise_add is given. */
double ins_noise_at(const ins_noise *noise, const ins_stream *stream, uint64_t element, float x);
/** A Poisson number of the given mean, from the elements of `stream` that belong to `element`. */
double ins_poisson(const ins_stream *stream, uint64_t element, double mean);

#endif
