/* SPDX-License-Identifier: MIT */
/** Text: a growing buffer, formatted copies, the nearest of a list of words. */
#ifndef INSILICO_TEXT_H
#define INSILICO_TEXT_H

#include "insilico/status.h"

/** A growing text. Zero-initialise; `data` is NULL or NUL-terminated; free with ins_text_free. */
typedef struct ins_text {
  char *data;
  size_t length, capacity;
  bool failed; /* an allocation failed; later appends do nothing, ins_text_ok says so */
} ins_text;

void ins_text_add(ins_text *text, const char *format, ...) INS_PRINTF(2, 3);
void ins_text_add_bytes(ins_text *text, const void *bytes, size_t n);
/** Appends a JSON string literal of s, quotes included. */
void ins_text_add_json(ins_text *text, const char *s);
ins_status ins_text_ok(const ins_text *text) INS_CHECKED;
void ins_text_free(ins_text *text);

/** A formatted copy on the heap; NULL when out of memory (the message is set). Free with free(). */
char *ins_format(const char *format, ...) INS_PRINTF(1, 2);
/** The word of words[0..n) closest to `word` by edit distance, or NULL when none is close enough to
 * be a misspelling (distance above a third of its length, at least 2). */
const char *ins_text_nearest(const char *word, const char *const *words, size_t n);

/** Makes bytes[0..n) harmless on a terminal, whoever wrote them: control characters (those of
 * Latin-1 too, also in UTF-8) and marks that turn the direction of writing become question marks,
 * but for characters in `keep`. Returns how many bytes were looked at: all but those of a UTF-8
 * character that goes on after the end. */
size_t ins_text_tame(char *bytes, size_t n, const char *keep);

/** "3.2 MB", "12 min 5 s": numbers for people, written to out[size]; return out. */
char *ins_text_bytes(double bytes, char *out, size_t size);
char *ins_text_duration(double seconds, char *out, size_t size);

#endif
