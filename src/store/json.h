/* SPDX-License-Identifier: MIT */
/** Reading one line of JSON back, as the journal writes it. */
#ifndef INSILICO_STORE_JSON_H
#define INSILICO_STORE_JSON_H

#include "insilico/value.h"

/** The value that text[0..n) spells, or NULL when it is not one whole JSON value (or memory ran
 * out). */
ins_value *ins_json_parse(const char *text, size_t n);

#endif
