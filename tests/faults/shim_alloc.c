/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <malloc.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shim.h"

static bool fails(const void *caller) {
  return shim_asks_for(SHIM_ALLOC) && shim_own(caller) && shim_fails(SHIM_ALLOC);
}

static void *nothing(void) {
  errno = ENOMEM;
  return NULL;
}

void *malloc(size_t n) {
  return fails(SHIM_CALLER) ? nothing() : SHIM_NEXT(malloc)(n);
}

void *calloc(size_t n, size_t size) {
  return fails(SHIM_CALLER) ? nothing() : SHIM_NEXT(calloc)(n, size);
}

void *realloc(void *old, size_t n) {
  return fails(SHIM_CALLER) ? nothing() : SHIM_NEXT(realloc)(old, n);
}

void *reallocarray(void *old, size_t n, size_t size) {
  return fails(SHIM_CALLER) ? nothing() : SHIM_NEXT(reallocarray)(old, n, size);
}

void *aligned_alloc(size_t alignment, size_t n) {
  return fails(SHIM_CALLER) ? nothing() : SHIM_NEXT(aligned_alloc)(alignment, n);
}

int posix_memalign(void **out, size_t alignment, size_t n) {
  return fails(SHIM_CALLER) ? ENOMEM : SHIM_NEXT(posix_memalign)(out, alignment, n);
}

char *strdup(const char *s) {
  return fails(SHIM_CALLER) ? nothing() : SHIM_NEXT(strdup)(s);
}

char *strndup(const char *s, size_t n) {
  return fails(SHIM_CALLER) ? nothing() : SHIM_NEXT(strndup)(s, n);
}

/* The value of *out is undefined then, which callers must not rely on. */
int vasprintf(char **out, const char *format, va_list args) {
  if (!fails(SHIM_CALLER)) return SHIM_NEXT(vasprintf)(out, format, args);
  memset(out, 0x5a, sizeof *out);
  errno = ENOMEM;
  return -1;
}

int asprintf(char **out, const char *format, ...) {
  va_list args;
  va_start(args, format);
  int n = -1;
  if (fails(SHIM_CALLER)) {
    memset(out, 0x5a, sizeof *out);
    errno = ENOMEM;
  } else {
    n = SHIM_NEXT(vasprintf)(out, format, args);
  }
  va_end(args);
  return n;
}

FILE *open_memstream(char **out, size_t *n) {
  return fails(SHIM_CALLER) ? nothing() : SHIM_NEXT(open_memstream)(out, n);
}
