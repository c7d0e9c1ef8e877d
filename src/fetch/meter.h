/* SPDX-License-Identifier: MIT */
/** How far a download is: a bar on a terminal, a line now and then in a log. Private to the room.
 */
#ifndef INSILICO_FETCH_METER_H
#define INSILICO_FETCH_METER_H

#include "insilico/status.h"

typedef struct fetch_meter {
  const char *label;
  int64_t start, done, total; /* bytes: there before, there now, in all (-1 unknown) */
  double began, last_shown;   /* seconds */
  bool quiet, terminal, drawn;
} fetch_meter;

void fetch_meter_start(fetch_meter *meter, const char *label, bool quiet);
/** Bytes there now, and in all. Shows them when it is time. */
void fetch_meter_show(fetch_meter *meter, int64_t done, int64_t total);
/** Bytes that were there before or are lost count neither for the rate nor against it. */
void fetch_meter_resume(fetch_meter *meter, int64_t done);
/** Ends the line of the bar; a note or an error may follow. */
void fetch_meter_break(fetch_meter *meter);

#endif
