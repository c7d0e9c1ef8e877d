/* SPDX-License-Identifier: MIT */
/* Standard output of the program: text, whatever the files that it speaks of hold. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app.h"

/* A character that the last piece ended within. */
static struct {
  char bytes[4];
  size_t n;
} rest;

static bool write_all(const char *bytes, size_t n) {
  while (n) {
    const ssize_t done = write(STDOUT_FILENO, bytes, n);
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) return false;
    bytes += done;
    n -= (size_t)done;
  }
  return true;
}

static ssize_t write_tamed(void *cookie, const char *bytes, size_t n) {
  char piece[4096];
  (void)cookie;
  for (size_t at = 0; at < n;) {
    const size_t room = sizeof piece - rest.n, take = n - at < room ? n - at : room;
    memcpy(piece, rest.bytes, rest.n);
    memcpy(piece + rest.n, bytes + at, take);
    const size_t length = rest.n + take, whole = ins_text_tame(piece, length, "\n\t");
    if (!write_all(piece, whole)) return 0; /* stdio's way to hear of a failure; errno is set */
    rest.n = length - whole;
    memcpy(rest.bytes, piece + whole, rest.n);
    at += take;
  }
  return (ssize_t)n;
}

void ins_output_tame(void) {
  static const cookie_io_functions_t functions = {.write = write_tamed};
  FILE *tamed = fopencookie(NULL, "w", functions);
  if (!tamed) return; /* no memory for a buffer: nothing will come of the command either */
  setvbuf(tamed, NULL, isatty(STDOUT_FILENO) ? _IOLBF : _IOFBF, BUFSIZ);
  stdout = tamed;
}

void ins_output_clear_screen(void) {
  static const char clear[] = "\033[H\033[2J";
  if (isatty(STDOUT_FILENO) && fflush(stdout) == 0) (void)!write(STDOUT_FILENO, clear, 7);
}

void ins_line(const char *format, ...) {
  char *line = NULL;
  va_list args;
  va_start(args, format);
  const int n = vasprintf(&line, format, args);
  va_end(args);
  if (n < 0) return;
  ins_text_tame(line, (size_t)n, "");
  printf("%s\n", line);
  free(line);
}

void ins_print(const char *label, const char *format, ...) {
  char *text = NULL;
  va_list args;
  va_start(args, format);
  const int n = vasprintf(&text, format, args);
  va_end(args);
  if (n < 0) return;
  ins_line("%-19s %s", label, text);
  free(text);
}
