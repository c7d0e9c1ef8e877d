/* SPDX-License-Identifier: MIT */
#include "kernels_table.h"

#include <stdlib.h>
#include <string.h>

#include "insilico/text.h"

/* From narrow to wide. */
static const ins_kernels *const tables[] = {
    &ins_kernels_generic,
#ifdef INS_HAVE_X86_PATHS
    &ins_kernels_avx2,
    &ins_kernels_avx512,
#endif
};
static const char *const names[] = {
    "generic",
#ifdef INS_HAVE_X86_PATHS
    "avx2",
    "avx512",
#endif
    NULL,
};

enum { N_TABLES = sizeof tables / sizeof *tables };

const char *const *ins_kernels_names(void) {
  return names;
}

const char *ins_kernels_name(const ins_kernels *kernels) {
  return kernels->name;
}

int ins_kernels_level(const char *name) {
  for (int i = 0; i < N_TABLES; i++) {
    if (strcmp(names[i], name) == 0) return i;
  }
  return -1;
}

/* The widest path this process may use, by INSILICO_KERNELS. */
static int cap(void) {
  const char *name = getenv("INSILICO_KERNELS");
  const int level = name && *name ? ins_kernels_level(name) : -1;
  return level >= 0 ? level : N_TABLES - 1;
}

ins_status ins_kernels_check(void) {
  const char *name = getenv("INSILICO_KERNELS");
  if (!name || !*name || ins_kernels_level(name) >= 0) return INS_OK;
  const char *near = ins_text_nearest(name, names, N_TABLES);
  return ins_fail(INS_ERR_ARGUMENT,
                  "the environment's INSILICO_KERNELS names no instruction set: '%s'%s%s%s; "
                  "insilico --version lists them",
                  name, near ? " (did you mean '" : "", near ? near : "", near ? "'?)" : "");
}

static bool runs_here(int level) {
  if (level > cap()) return false;
#ifdef INS_HAVE_X86_PATHS
  __builtin_cpu_init();
  if (level == 1) return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  if (level == 2) {
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("fma");
  }
#endif
  return level == 0;
}

const ins_kernels *ins_kernels_find(const char *name) {
  int level = ins_kernels_level(name);
  return level >= 0 && runs_here(level) ? tables[level] : NULL;
}

const ins_kernels *ins_kernels_best(void) {
  int level = N_TABLES - 1;
  while (!runs_here(level)) level--;
  return tables[level];
}
