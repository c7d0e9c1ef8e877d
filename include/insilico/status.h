/* SPDX-License-Identifier: MIT */
/** Status codes and the message that explains the last failure.
 *
 * Three kinds of trouble are never mixed (docs/architecture.md): an *outcome* is data in a task's
 * row, a *task error* is an ins_status that goes up the stack, a *rank error* ends the process.
 * Every fallible function returns ins_status and is warn_unused_result. The code says what kind of
 * thing went wrong; ins_message() says what, where, and what to do about it.
 */
#ifndef INSILICO_STATUS_H
#define INSILICO_STATUS_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define INS_CHECKED      __attribute__((warn_unused_result))
#define INS_PRINTF(f, a) __attribute__((format(printf, f, a)))

/** The one list of codes: X(name, value, exit status of the program, what it says without a
 * message). Values are stored in results files (variable `error`): never renumber, only append. */
#define INS_STATUS_LIST(X)                                                                         \
  X(INS_OK, 0, 0, "ok")                                                                            \
  X(INS_ERR_ARGUMENT, 1, 2, "the command or a setting is wrong")                                   \
  X(INS_ERR_SHAPE, 2, 2, "shapes do not fit")                                                      \
  X(INS_ERR_UNSUPPORTED, 3, 2, "not supported")                                                    \
  X(INS_ERR_MISSING, 4, 2, "something needed is missing")                                          \
  X(INS_ERR_FORMAT, 5, 3, "a file is damaged or of an unknown format")                             \
  X(INS_ERR_IO, 6, 3, "input or output failed")                                                    \
  X(INS_ERR_LOCKED, 7, 3, "in use by another run")                                                 \
  X(INS_ERR_MEMORY, 8, 4, "out of memory")                                                         \
  X(INS_ERR_NUMERIC, 9, 1, "a computation has no finite result")                                   \
  X(INS_ERR_STOPPED, 10, 75, "stopped on request")                                                 \
  X(INS_ERR_INTERNAL, 11, 4, "a defect in insilico")                                               \
  X(INS_ERR_TASKS, 12, 1, "some tasks failed")                                                     \
  X(INS_ERR_DIFFERS, 13, 1, "numbers that should agree differ")                                    \
  X(INS_ERR_LOST, 14, 4, "ranks have lost touch with each other")

typedef enum ins_status {
#define INS_STATUS_ENUM(name, value, exit, text) name = value,
  INS_STATUS_LIST(INS_STATUS_ENUM)
#undef INS_STATUS_ENUM
} ins_status;

/** Records the message of a failure and returns `code`, so that `return ins_fail(...)` reads well.
 * One line of text: what, where, what to do. At most INS_MESSAGE_MAX - 1 bytes are kept; control
 * characters become question marks. */
ins_status ins_fail(ins_status code, const char *format, ...) INS_PRINTF(2, 3) INS_CHECKED;

/** Puts "CONTEXT: " before the current message and returns `code`; does nothing on INS_OK. */
ins_status ins_within(ins_status code, const char *context, ...) INS_PRINTF(2, 3) INS_CHECKED;

/** The message of this thread's last failure; "" when there was none. Valid until the next one. */
const char *ins_message(void);
void ins_message_clear(void);

/** Name of a code ("INS_ERR_SHAPE"), its general text, and the program's exit status for it. */
const char *ins_status_name(ins_status code);
const char *ins_status_text(ins_status code);
int ins_status_exit(ins_status code);

enum { INS_MESSAGE_MAX = 1024 };

#endif
