/* SPDX-License-Identifier: MIT */
#include "room_for.h"

#include <math.h>
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

/* The control group that a batch system puts its jobs in; "0::/PATH" of version 2. */
static double group_free(void) {
  char line[512], path[700], own[512] = "";
  FILE *file = fopen("/proc/self/cgroup", "r");
  while (file && fgets(line, sizeof line, file))
    if (strncmp(line, "0::", 3) == 0)
      snprintf(own, sizeof own, "%.*s", (int)strcspn(line + 3, "\n"), line + 3);
  if (file) fclose(file);
  if (!own[0]) return INFINITY;
  snprintf(path, sizeof path, "/sys/fs/cgroup%s/memory.max", own);
  const double most = read_number(path, "", 1);
  snprintf(path, sizeof path, "/sys/fs/cgroup%s/memory.current", own);
  const double used = read_number(path, "", 1);
  return isfinite(most) && isfinite(used) ? fmax(most - used, 0) : INFINITY;
}

double ins_memory_free(void) {
  return fmin(read_number("/proc/meminfo", "MemAvailable:", 1024), group_free());
}

double ins_memory_per_rank(MPI_Comm comm, double limit, int *per_node) {
  static const double share = 0.9; /* MPI, HDF5 and the system want some too */
  MPI_Comm node;
  int here;
  MPI_Comm_split_type(comm, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &node);
  MPI_Comm_size(node, &here);
  double bytes = isnan(limit) ? share * ins_memory_free() / here : limit;
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
