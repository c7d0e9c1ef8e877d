/* SPDX-License-Identifier: MIT */
#include "room_for.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* The number behind `key` in a file of the kernel, in units of `unit`; infinite: not there. */
static double read_number(const char *path, const char *key, double unit) {
  char line[256];
  double value = INFINITY, number;
  FILE *file = fopen(path, "r");
  const size_t n = strlen(key);
  while (file && fgets(line, sizeof line, file))
    if (strncmp(line, key, n) == 0 && sscanf(line + n, "%lf", &number) == 1) {
      value = number * unit;
      break;
    }
  if (file) fclose(file);
  return value;
}

/* A hierarchy of control groups: how /proc/self/cgroup names it, where it is, its files for what
 * may be used and is, and what memory.stat calls files that are kept as long as there is room. */
typedef struct hierarchy {
  const char *prefix, *root, *limit, *used, *cached[2];
} hierarchy;

/* "0::/PATH" of version 2, "NUMBER:memory:/PATH" of version 1. */
static bool own_group(const char *prefix, char *path, size_t size) {
  char line[512];
  bool found = false;
  FILE *file = fopen("/proc/self/cgroup", "r");
  while (file && !found && fgets(line, sizeof line, file)) {
    const char *after = prefix[0] == ':' ? strchr(line, ':') : line;
    found = after && strncmp(after, prefix, strlen(prefix)) == 0;
    if (found) {
      after += strlen(prefix);
      snprintf(path, size, "%.*s", (int)strcspn(after, "\n"), after);
    }
  }
  if (file) fclose(file);
  return found;
}

static double read_of_group(const hierarchy *h, const char *group, const char *name,
                            const char *key) {
  char path[800];
  snprintf(path, sizeof path, "%s%s/%s", h->root, group, name);
  return read_number(path, key, 1);
}

/* Batch systems set limits on a job or a step, whose processes are in groups further below. */
static double group_free(const hierarchy *h) {
  char group[512];
  double least = INFINITY;
  if (!own_group(h->prefix, group, sizeof group)) return least;
  for (char *end = group + strlen(group); end; end = strrchr(group, '/')) {
    *end = '\0';
    const double most = read_of_group(h, group, h->limit, "");
    double used = read_of_group(h, group, h->used, "");
    for (int i = 0; i < 2; i++) {
      const double cached = read_of_group(h, group, "memory.stat", h->cached[i]);
      if (isfinite(cached)) used -= cached;
    }
    if (isfinite(most) && isfinite(used)) least = fmin(least, fmax(most - used, 0));
  }
  return least;
}

double ins_memory_free(void) {
  static const hierarchy second = {"0::",
                                   "/sys/fs/cgroup",
                                   "memory.max",
                                   "memory.current",
                                   {"inactive_file ", "active_file "}},
                         first = {":memory:",
                                  "/sys/fs/cgroup/memory",
                                  "memory.limit_in_bytes",
                                  "memory.usage_in_bytes",
                                  {"total_inactive_file ", "total_active_file "}};
  const double node = read_number("/proc/meminfo", "MemAvailable:", 1024);
  return fmin(node, fmin(group_free(&second), group_free(&first)));
}

double ins_memory_share(double limit, int here) {
  static const double share = 0.9; /* MPI, HDF5 and the system want some too */
  return isnan(limit) ? share * ins_memory_free() / here : limit;
}

double ins_memory_per_rank(MPI_Comm comm, double limit, int *per_node) {
  MPI_Comm node;
  int here;
  MPI_Comm_split_type(comm, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &node);
  MPI_Comm_size(node, &here);
  double bytes = ins_memory_share(limit, here);
  MPI_Comm_free(&node);
  MPI_Allreduce(MPI_IN_PLACE, &bytes, 1, MPI_DOUBLE, MPI_MIN, comm);
  MPI_Allreduce(&here, per_node, 1, MPI_INT, MPI_MAX, comm);
  return bytes;
}

int ins_memory_ranks(double (*needs)(const void *self, int size), const void *self, int size,
                     double bytes) {
  enum { MOST = 1000000 };
  for (int n = size; n <= MOST; n += n < 64 ? 1 : n / 16)
    if (needs(self, n) <= bytes) return n;
  return 0;
}
