/* SPDX-License-Identifier: MIT */
#include "insilico/clock.h"

#include <time.h>

double ins_clock_s(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}
