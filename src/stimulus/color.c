/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "insilico/generator.h"

static ins_status refuse(const char *color, size_t n) {
  char name[32];
  ins_text names = {0};
  for (size_t c = 0; c < n; c++)
    ins_text_add(&names, "%s, ", ins_channel_name(c, n, name, sizeof name));
  ins_status status =
      ins_fail(INS_ERR_ARGUMENT,
               "color '%.60s' is unknown; expected white, %s%sor a number for each of the %zu "
               "channel%s, such as '1%s'",
               color, names.data ? names.data : "", n > 1 ? "opponent, " : "", n, n == 1 ? "" : "s",
               n > 1 ? ", -0.5" : "");
  ins_text_free(&names);
  return status;
}

/* "1, -0.5": one finite number for each channel, and nothing else. */
static bool read_weights(const char *color, size_t n, double *weights) {
  for (size_t c = 0; c < n; c++) {
    char *end;
    weights[c] = strtod(color, &end);
    if (end == color || !isfinite(weights[c])) return false;
    end += strspn(end, " ");
    if (c + 1 < n && *end++ != ',') return false;
    color = end;
  }
  return *color == '\0';
}

ins_status ins_color_parse(const char *color, size_t n_channels, double *weights) {
  char name[32];
  bool white = strcmp(color, "white") == 0;
  for (size_t c = 0; c < n_channels; c++) weights[c] = white;
  if (white) return INS_OK;
  for (size_t c = 0; c < n_channels; c++)
    if (strcmp(color, ins_channel_name(c, n_channels, name, sizeof name)) == 0) {
      weights[c] = 1;
      return INS_OK;
    }
  if (strcmp(color, "opponent") == 0 && n_channels > 1) {
    weights[0] = 1;
    weights[1] = -1;
    return INS_OK;
  }
  return read_weights(color, n_channels, weights) ? INS_OK : refuse(color, n_channels);
}
