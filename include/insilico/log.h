/* SPDX-License-Identifier: MIT */
/** Messages for people, on standard error. Results and answers to scripts go to standard output. */
#ifndef INSILICO_LOG_H
#define INSILICO_LOG_H

#include "insilico/status.h"

typedef enum ins_log_level {
  INS_LOG_ERROR,
  INS_LOG_WARNING,
  INS_LOG_INFO,
  INS_LOG_DEBUG
} ins_log_level;

/** Messages above this level are dropped; INS_LOG_INFO to begin with. */
void ins_log_set_level(ins_log_level level);
/** The rank named in front of a message ("[rank 3] "); negative, the default, names none. */
void ins_log_set_rank(int rank);
/** Writes "insilico: LEVEL: TEXT" with one write(2), so that lines of several ranks do not mix. */
void ins_log(ins_log_level level, const char *format, ...) INS_PRINTF(2, 3);

#endif
