/* SPDX-License-Identifier: MIT */
/** The lock beside a file that is being fetched, NAME.lock: one process fetches, the others wait.
 * The kernel lets go of it however its holder ends. Private to the room. */
#ifndef INSILICO_FETCH_HOLD_H
#define INSILICO_FETCH_HOLD_H

#include "insilico/fetch.h"
#include "place.h"

typedef struct fetch_hold {
  int fd;
  const fetch_place *place;
} fetch_hold;

/** Waits for as long as another process has it, and says so once.
 * @return INS_OK; INS_ERR_IO; INS_ERR_STOPPED */
ins_status fetch_hold_take(const fetch_place *place, const ins_fetch_options *options,
                           fetch_hold *out) INS_CHECKED;
void fetch_hold_release(fetch_hold *hold);

/** Sleeps, in slices so short that a request to stop is heard.
 * @return INS_OK; INS_ERR_STOPPED */
ins_status fetch_pause(double seconds, const ins_fetch_options *options) INS_CHECKED;

#endif
