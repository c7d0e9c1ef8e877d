/* SPDX-License-Identifier: MIT */
#include "insilico/log.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "insilico/text.h"

static ins_log_level threshold = INS_LOG_INFO;
static int rank_shown = -1;

void ins_log_set_level(ins_log_level level) {
  threshold = level;
}

void ins_log_set_rank(int rank) {
  rank_shown = rank;
}

void ins_log(ins_log_level level, const char *format, ...) {
  static const char *const words[] = {"error: ", "warning: ", "", "debug: "};
  if (level > threshold) return;
  char line[INS_MESSAGE_MAX + 64];
  int n = snprintf(line, sizeof line, "insilico: ");
  if (rank_shown >= 0) n += snprintf(line + n, sizeof line - (size_t)n, "[rank %d] ", rank_shown);
  n += snprintf(line + n, sizeof line - (size_t)n, "%s", words[level]);
  va_list args;
  va_start(args, format);
  int m = vsnprintf(line + n, sizeof line - (size_t)n - 1, format, args);
  va_end(args);
  size_t length = (size_t)n + (m > 0 ? (size_t)m : 0);
  if (length > sizeof line - 2) length = sizeof line - 2;
  /* Paths and names in it may be a stranger's. */
  length = ins_text_tame(line, length, "");
  line[length++] = '\n';
  /* A log line that cannot be written has nowhere to be reported. */
  if (write(STDERR_FILENO, line, length) < 0) return;
}
