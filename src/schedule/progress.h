/* SPDX-License-Identifier: MIT */
/** The progress of a run, for people: a bar on a terminal, a line now and then in a log. Private.
 */
#ifndef INSILICO_SCHEDULE_PROGRESS_H
#define INSILICO_SCHEDULE_PROGRESS_H

#include "insilico/status.h"

typedef struct progress {
  size_t n_tasks, n_kept, n_done, n_failed;
  double under_way;          /* share of a task that all ranks compute together */
  double best;               /* of the stage; NaN: none yet */
  const char *merit, *stage; /* names; stage NULL: there is only one */
  double start, last_shown;
  bool quiet, terminal;
} progress;

void progress_start(progress *p, size_t n_tasks, size_t n_kept, const char *merit, bool quiet);
/** The next stage begins; counts go on. */
void progress_enter(progress *p, const char *stage);
/** Shows the state if it is time to. */
void progress_show(progress *p);
/** Shows the final state and ends the bar. */
void progress_end(progress *p);
double progress_seconds(const progress *p);

#endif
