/* SPDX-License-Identifier: MIT */
/** Prints what the analyses make of curves, for comparison with other programs:
 *
 *     tuning_values direction N T < curves     x[N], y[N], traces[N,T] a neuron
 *     tuning_values fdr N < p                  p[N]
 *     tuning_values harmonics N rate f < t     trace[N]
 *
 * Numbers as text, one row of output a neuron (or list) until the input ends. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "insilico/tuning.h"

enum { MOST = 10000 };

static bool read_numbers(size_t n, double *out) {
  for (size_t i = 0; i < n; i++) {
    if (scanf("%lf", &out[i]) != 1) return false;
  }
  return n > 0;
}

static void print_numbers(size_t n, const double *x) {
  for (size_t i = 0; i < n; i++) printf("%s%.17g", i ? " " : "", x[i]);
  putchar('\n');
}

static int print_direction(size_t n, size_t n_frames) {
  static double numbers[MOST];
  const ins_analysis *a = &ins_direction_analysis;
  if (n * (2 + n_frames) > MOST) return 2;
  for (size_t i = 0; i < a->n_indices; i++) {
    printf("%s%s", i ? " " : "", a->indices[i].name);
  }
  putchar('\n');
  while (read_numbers(n * (2 + n_frames), numbers)) {
    ins_measure out[16];
    double values[16];
    ins_tuning_data data = {.n = n,
                            .x = numbers,
                            .y = numbers + n,
                            .n_frames = n_frames,
                            .traces = numbers + 2 * n,
                            .rate_hz = 30};
    if (a->run(&data, out)) return 1;
    for (size_t i = 0; i < a->n_indices; i++) values[i] = out[i].value;
    print_numbers(a->n_indices, values);
  }
  return 0;
}

static int print_fdr(size_t n) {
  static double p[MOST], q[MOST];
  if (n > MOST) return 2;
  while (read_numbers(n, p)) {
    if (ins_false_discovery(n, p, q)) return 1;
    print_numbers(n, q);
  }
  return 0;
}

static int print_harmonics(size_t n, double rate_hz, double f_hz) {
  static double trace[MOST];
  double amplitude[3];
  if (n > MOST) return 2;
  while (read_numbers(n, trace)) {
    ins_harmonics(trace, n, rate_hz, f_hz, amplitude);
    print_numbers(3, amplitude);
  }
  return 0;
}

int main(int argc, char **argv) {
  size_t n = argc > 2 ? strtoul(argv[2], NULL, 10) : 0;
  if (argc == 4 && !strcmp(argv[1], "direction")) {
    return print_direction(n, strtoul(argv[3], NULL, 10));
  }
  if (argc == 3 && !strcmp(argv[1], "fdr")) return print_fdr(n);
  if (argc == 5 && !strcmp(argv[1], "harmonics")) {
    return print_harmonics(n, strtod(argv[3], NULL), strtod(argv[4], NULL));
  }
  fprintf(stderr, "usage: tuning_values direction N T | fdr N | harmonics N RATE F\n");
  return 2;
}
