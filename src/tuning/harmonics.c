/* SPDX-License-Identifier: MIT */
#include <math.h>

#include "insilico/tuning.h"

/* 2/L |integral of trace(t) e^(-i w t) over 0..L|, the trace held constant within each frame, the
 * last frame in part where L is not whole. A constant trace gives exactly nothing then, however the
 * cycles fall on the frames. Holding weakens a sine by sin(w/2)/(w/2), which is undone: for whole L
 * this is the discrete Fourier transform. */
static double amplitude_at(const double *trace, double length, double w) {
  size_t n = (size_t)ceil(length);
  double c = 0, s = 0;
  for (size_t i = 0; i < n; i++) {
    double width = fmin(1, length - (double)i), middle = (double)i + width / 2;
    double weight = sin(w * width / 2) / sin(w / 2);
    c += trace[i] * weight * cos(w * middle);
    s += trace[i] * weight * sin(w * middle);
  }
  return 2 / length * sqrt(c * c + s * s);
}

void ins_harmonics(const double *trace, size_t n_frames, double rate_hz, double f_hz,
                   double amplitude[3]) {
  amplitude[0] = amplitude[1] = amplitude[2] = NAN;
  double per_frame = f_hz / rate_hz; /* cycles; 1/2 is the Nyquist frequency */
  if (!(per_frame > 0) || !isfinite(per_frame)) return;
  double cycles = floor((double)n_frames * per_frame + 1e-9);
  if (cycles < 1) return;
  double length = fmin(cycles / per_frame, (double)n_frames);
  if (fabs(length - round(length)) < 1e-6) length = round(length);

  double sum = 0;
  for (size_t i = 0; i < (size_t)ceil(length); i++) {
    sum += trace[i] * fmin(1, length - (double)i);
  }
  amplitude[0] = sum / length;
  for (int k = 1; k <= 2; k++) {
    if (k * per_frame < 0.5) amplitude[k] = amplitude_at(trace, length, 2 * M_PI * k * per_frame);
  }
}
