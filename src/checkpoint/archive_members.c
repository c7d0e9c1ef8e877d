/* SPDX-License-Identifier: MIT */
#include "archive_members.h"

#include <stdlib.h>
#include <string.h>

#include "insilico/memory.h"

void ins_members_free(ins_members *members) {
  ins_free(&members->list);
  ins_free(&members->by_name);
  ins_free(&members->names);
  *members = (ins_members){0};
}

static int by_name(const void *a, const void *b, void *list) {
  const ins_member *members = list;
  return strcasecmp(members[*(const size_t *)a].name, members[*(const size_t *)b].name);
}

ins_status ins_members_sort(ins_members *members, const char *path) {
  ins_status status = ins_alloc(members->n, sizeof *members->by_name, &members->by_name);
  if (status != INS_OK) return status;
  for (size_t i = 0; i < members->n; i++) members->by_name[i] = i;
  qsort_r(members->by_name, members->n, sizeof *members->by_name, by_name, members->list);
  for (size_t i = 1; i < members->n; i++) {
    const ins_member *before = &members->list[members->by_name[i - 1]];
    const ins_member *here = &members->list[members->by_name[i]];
    if (strcasecmp(before->name, here->name) == 0)
      return ins_fail(INS_ERR_FORMAT,
                      "%s: two of its members have the name %s, so that it means different things "
                      "to different readers (byte %llu)",
                      path, here->name, (unsigned long long)here->begin);
  }
  return INS_OK;
}
