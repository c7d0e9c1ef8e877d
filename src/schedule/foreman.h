/* SPDX-License-Identifier: MIT */
/** Between rank 0 and its crew, where ranks are too many for one dealer: to the chief a worker who
 * takes deals as a whole, to the crew a dealer. Pure, like both. Reports of the crew are added up,
 * so that the chief hears of every foreman about as often as of one worker. */
#ifndef INSILICO_SCHEDULE_FOREMAN_H
#define INSILICO_SCHEDULE_FOREMAN_H

#include "dealer.h"
#include "hand.h"

/** What of a deal of the chief is not done, and what was not reported yet. */
typedef struct tally {
  int64_t n_left; /* batches */
  double since;   /* when the first that was not reported arrived */
  message sum;
} tally;

typedef struct foreman {
  hand hand;
  dealer crew;
  size_t n_tallies, capacity;
  tally *tallies;
} foreman;

/** `crew`: owner->report is taken by the foreman itself and not called. */
ins_status foreman_create(const hand_terms *up, const hand_owner *chief, const dealer_terms *down,
                          const dealer_owner *crew, double now, foreman *f) INS_CHECKED;
void foreman_clear(foreman *f);
void foreman_hear_chief(foreman *f, const message *m, double now);
void foreman_hear_crew(foreman *f, int who, const message *m, double now);
/** Passes work on, reports what is due, leaves when the crew has left. */
void foreman_tick(foreman *f, double now);
bool foreman_is_over(const foreman *f);
bool foreman_is_lost(const foreman *f);

#endif
