/* SPDX-License-Identifier: MIT */
/** Who deals to whom. Few ranks: rank 0 to all others. Many: rank 0 to foremen, each of them to the
 * ranks that follow it, which lie on the same node or near it. */
#ifndef INSILICO_SCHEDULE_TEAM_H
#define INSILICO_SCHEDULE_TEAM_H

#include <stdbool.h>

typedef struct team {
  int size, rank;
  int n_groups; /* 0: no foremen */
} team;

/** Foremen are appointed where there are ranks for two: one for `group` ranks or a few more, itself
 * among them (at least 2). */
team team_of(int size, int rank, int group);

bool team_is_foreman(const team *t);
/** The rank that deals to this one; none (-1) to rank 0. */
int team_chief(const team *t);
/** To how many this rank deals; the rank of the k-th of them, and back. */
int team_n_members(const team *t);
int team_member_rank(const team *t, int k);
int team_member(const team *t, int rank);

#endif
