/* SPDX-License-Identifier: MIT */
/* Times as Slurm writes them. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "submit.h"

/* Up to three numbers with colons between them; their count, 0 when there is anything else. */
static int read_numbers(const char *s, double out[3]) {
  for (int n = 0; n < 3;) {
    const size_t digits = strspn(s, "0123456789");
    if (digits == 0 || digits > 9) return 0;
    out[n++] = strtod(s, NULL); /* stops at the colon */
    s += digits;
    if (!*s) return n;
    if (*s++ != ':') return 0;
  }
  return 0;
}

bool ins_submit_time(const char *text, double *seconds) {
  static const double after_day[] = {3600, 60, 1},
                      clock[4][3] = {{0}, {60}, {60, 1}, {3600, 60, 1}};
  const char *dash = strchr(text, '-');
  double part[3], total = 0;
  if (!strcasecmp(text, "unlimited") || !strcasecmp(text, "infinite")) {
    *seconds = INFINITY;
    return true;
  }
  if (dash) {
    const size_t digits = strspn(text, "0123456789");
    if (digits == 0 || digits > 6 || text + digits != dash) return false;
    total = 86400 * strtod(text, NULL);
    text = dash + 1;
  }
  const int n = read_numbers(text, part);
  for (int k = 0; k < n; k++) total += part[k] * (dash ? after_day[k] : clock[n][k]);
  if (n == 0 || !(total > 0)) return false;
  *seconds = total;
  return true;
}

char *ins_submit_time_text(double seconds, char *out, size_t size) {
  if (!isfinite(seconds)) {
    snprintf(out, size, "UNLIMITED");
    return out;
  }
  const long s = (long)ceil(seconds), days = s / 86400;
  if (days)
    snprintf(out, size, "%ld-%02ld:%02ld:%02ld", days, s / 3600 % 24, s / 60 % 60, s % 60);
  else
    snprintf(out, size, "%02ld:%02ld:%02ld", s / 3600, s / 60 % 60, s % 60);
  return out;
}
