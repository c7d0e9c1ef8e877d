/* SPDX-License-Identifier: MIT */
/** What the fuzz targets share: the bytes of an input as a file that only exists in memory. */
#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "insilico/status.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static char fuzz_path[64];

/** Puts the bytes into the file `fuzz_path`, made at the first call and used again. Longer than
 * before or shorter: it ends where the bytes do. */
static inline void fuzz_file(const uint8_t *bytes, size_t n) {
  static int fd = -1;
  if (fd < 0) {
    fd = memfd_create("fuzz", 0);
    snprintf(fuzz_path, sizeof fuzz_path, "/proc/%ld/fd/%d", (long)getpid(), fd);
  }
  if (fd < 0 || ftruncate(fd, 0) != 0 || pwrite(fd, bytes, n, 0) != (ssize_t)n) abort();
}

/** A failure is a sentence on one line; anything else is a defect. */
static inline void fuzz_expect_message(ins_status status) {
  if (status == INS_OK) return;
  if (status == INS_ERR_INTERNAL || status == INS_ERR_MEMORY) abort();
  if (!ins_message()[0] || strchr(ins_message(), '\n')) abort();
}

#endif
