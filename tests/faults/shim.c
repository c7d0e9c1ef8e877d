/* SPDX-License-Identifier: MIT */
/* What is asked for, and counting. Nothing here allocates: it runs within malloc. */
#include "shim.h"

#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { DIGITS = 10 };

static bool meant, ready, onwards, tells;
static shim_kind wanted = SHIM_KINDS;
static long number;
static atomic_long count;
static int error = EIO;
static char below[PATH_MAX];
static size_t below_length;
static uintptr_t program_begin, program_end;
static char *shown; /* the count file, mapped: what is in it outlives SIGKILL */

/* ---- starting -------------------------------------------------------------------------------- */

static void refuse(const char *variable) {
  static const char text[] = ": the fault shim does not understand this variable\n";
  if (write(2, variable, strlen(variable)) > 0 && write(2, text, sizeof text - 1) > 0) _exit(120);
  _exit(120);
}

/* The first object is the program. */
static int find_program(struct dl_phdr_info *info, size_t size, void *data) {
  (void)size;
  (void)data;
  program_begin = UINTPTR_MAX;
  for (int i = 0; i < info->dlpi_phnum; i++) {
    if (info->dlpi_phdr[i].p_type != PT_LOAD) continue;
    uintptr_t begin = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
    if (begin < program_begin) program_begin = begin;
    if (begin + info->dlpi_phdr[i].p_memsz > program_end)
      program_end = begin + info->dlpi_phdr[i].p_memsz;
  }
  return 1;
}

static bool is_meant(void) {
  const char *wants = getenv("SHIM_RANK"), *rank = getenv("OMPI_COMM_WORLD_RANK");
  if (!rank) rank = getenv("PMIX_RANK");
  return !wants || strcmp(wants, rank ? rank : "0") == 0;
}

static void read_error(void) {
  static const struct {
    const char *name;
    int value;
  } errors[] = {{"EIO", EIO},     {"ENOSPC", ENOSPC}, {"EDQUOT", EDQUOT},
                {"EROFS", EROFS}, {"ENOENT", ENOENT}, {"ESTALE", ESTALE}};
  const char *name = getenv("SHIM_ERRNO");
  if (!name) return;
  for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++)
    if (strcmp(errors[i].name, name) == 0) {
      error = errors[i].value;
      return;
    }
  refuse("SHIM_ERRNO");
}

static void read_fail(void) {
  static const char *const names[SHIM_KINDS] = {"alloc:", "write:", "read:", "mpi:"};
  const char *word = getenv("SHIM_FAIL");
  char *end;
  if (!word) return;
  for (int k = 0; k < SHIM_KINDS; k++)
    if (strncmp(word, names[k], strlen(names[k])) == 0) wanted = (shim_kind)k;
  if (wanted == SHIM_KINDS) refuse("SHIM_FAIL");
  number = strtol(strchr(word, ':') + 1, &end, 10);
  onwards = *end == '+';
  if (number < 0 || end[onwards]) refuse("SHIM_FAIL");
}

static void read_below(void) {
  const char *directory = getenv("SHIM_BELOW");
  if (wanted != SHIM_WRITE && wanted != SHIM_READ) return;
  if (!directory || !realpath(directory, below)) refuse("SHIM_BELOW");
  below_length = strlen(below);
}

static void show_count(void) {
  const char *path = getenv("SHIM_COUNT_FILE");
  if (!path) return;
  int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0666);
  if (fd < 0 || write(fd, "0000000000\n", DIGITS + 1) != DIGITS + 1) refuse("SHIM_COUNT_FILE");
  shown = mmap(NULL, DIGITS + 1, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (shown == MAP_FAILED) refuse("SHIM_COUNT_FILE");
  close(fd);
}

static __attribute__((constructor)) void start(void) {
  dl_iterate_phdr(find_program, NULL);
  read_error();
  read_fail();
  read_below();
  meant = is_meant();
  tells = getenv("SHIM_WHERE") != NULL;
  if (!meant || wanted == SHIM_KINDS) return;
  show_count();
  ready = true;
}

/* ---- asked by the wrappers ------------------------------------------------------------------- */

void shim_next(const char *name, void *function) {
  void *found = dlsym(RTLD_NEXT, name);
  memcpy(function, &found, sizeof found);
}

bool shim_own(const void *caller) {
  uintptr_t at = (uintptr_t)caller;
  return at >= program_begin && at < program_end;
}

int shim_errno(void) {
  return error;
}

int shim_error(void) {
  errno = error;
  return -1;
}

bool shim_below(const char *path) {
  return strncmp(path, below, below_length) == 0 &&
         (path[below_length] == '/' || path[below_length] == '\0');
}

bool shim_meant(void) {
  return meant;
}

bool shim_asks_for(shim_kind kind) {
  return ready && kind == wanted;
}

static void tell_where(void) {
  void *calls[64];
  tells = false; /* once; and what backtrace allocates does not come here again */
  backtrace_symbols_fd(calls, backtrace(calls, 64), 2);
}

bool shim_fails(shim_kind kind) {
  if (!shim_asks_for(kind)) return false;
  long n = ++count;
  for (long i = DIGITS - 1, rest = n; shown && i >= 0; i--, rest /= 10)
    shown[i] = (char)('0' + rest % 10);
  bool now = number > 0 && (n == number || (onwards && n > number));
  if (now && tells) tell_where();
  return now;
}
