/* SPDX-License-Identifier: MIT */
#include "team.h"

#include <stdint.h>

/* Groups share ranks 1 ... size - 1 evenly; each begins with its foreman. */
static int group_begin(const team *t, int group) {
  return 1 + (int)((int64_t)(t->size - 1) * group / t->n_groups);
}

static int group_of(const team *t, int rank) {
  int group = (int)((int64_t)(rank - 1) * t->n_groups / (t->size - 1));
  while (group + 1 < t->n_groups && group_begin(t, group + 1) <= rank) group++;
  while (group > 0 && group_begin(t, group) > rank) group--;
  return group;
}

team team_of(int size, int rank, int group) {
  team t = {.size = size, .rank = rank};
  if (group < 2) group = 2;
  if ((size - 1) / group >= 2) t.n_groups = (size - 1) / group;
  return t;
}

bool team_is_foreman(const team *t) {
  return t->n_groups && t->rank > 0 && group_begin(t, group_of(t, t->rank)) == t->rank;
}

int team_chief(const team *t) {
  if (t->rank == 0) return -1;
  if (!t->n_groups || team_is_foreman(t)) return 0;
  return group_begin(t, group_of(t, t->rank));
}

int team_n_members(const team *t) {
  if (t->rank == 0) return t->n_groups ? t->n_groups : t->size - 1;
  if (!team_is_foreman(t)) return 0;
  return group_begin(t, group_of(t, t->rank) + 1) - t->rank - 1;
}

int team_member_rank(const team *t, int k) {
  if (t->rank == 0 && t->n_groups) return group_begin(t, k);
  return t->rank + 1 + k;
}

int team_member(const team *t, int rank) {
  if (t->rank == 0 && t->n_groups) return group_of(t, rank);
  return rank - t->rank - 1;
}
