/* SPDX-License-Identifier: MIT */
/** Series of numbers in short: range(START,STOP,STEP), linspace(START,STOP,N) and
 * geomspace(START,STOP,N). Private to the room `job`. */
#ifndef INSILICO_JOB_SERIES_H
#define INSILICO_JOB_SERIES_H

#include "insilico/value.h"

/** The values of a series with the place of `like`; *list = NULL when text is of another form.
 *
 * range: START + k*STEP below STOP (above it where STEP is negative), reals to as many decimals as
 * START and STEP are written with, whole numbers where all three are. linspace and geomspace: N
 * numbers at equal distances, or equal ratios, from START to STOP, both included; linspace is exact
 * to the last bit for decimals.
 * @return INS_OK; INS_ERR_ARGUMENT (no numbers, no values, more than a million); INS_ERR_MEMORY */
ins_status ins_series_values(const char *text, const ins_value *like, ins_value **list) INS_CHECKED;

/** Does a text begin like a series? Within { } and [ ] the commas of an unquoted one part it, and
 * "range(0" is what is left. */
bool ins_series_begins(const char *text);

#endif
