/* SPDX-License-Identifier: MIT */
/** The pulse of long work: computing code calls it now and then and is told whether to go on.
 *
 * It is all that an experiment sees of the run around it: the scheduler answers messages and looks
 * at signals inside. Cheap enough for every optimiser iteration.
 */
#ifndef INSILICO_PULSE_H
#define INSILICO_PULSE_H

#include "insilico/status.h"

typedef struct ins_pulse {
  bool (*beat)(void *context); /* false: stop as soon as possible with INS_ERR_STOPPED */
  void *context;
} ins_pulse;

/** INS_OK, or INS_ERR_STOPPED when the run is to stop. `pulse` may be NULL: nobody stops us. */
static inline INS_CHECKED ins_status ins_pulse_beat(const ins_pulse *pulse) {
  if (pulse && !pulse->beat(pulse->context)) return ins_fail(INS_ERR_STOPPED, "stopped on request");
  return INS_OK;
}

#endif
