/* SPDX-License-Identifier: MIT */
/** What the programs that measure share. */
#ifndef INSILICO_BENCH_MEASURE_H
#define INSILICO_BENCH_MEASURE_H

#include "insilico/model.h"

/** Ends the program with the message of a status that is not INS_OK. */
void bench_must(ins_status status);
/** Seconds of a clock that only goes forward. */
double bench_seconds(void);
/** Sorts v[n] and gives its upper median. */
double bench_median(double *v, size_t n);
/** The model of a file. */
ins_model *bench_model(const char *path);
/** A file's numbers as float32; the caller destroys. */
ins_value *bench_array(const char *path);

#endif
