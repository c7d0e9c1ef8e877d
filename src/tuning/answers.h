/* SPDX-License-Identifier: MIT */
/** Answers to a bright and to a dark step: how large, how lasting. Private to the room. */
#ifndef INSILICO_TUNING_ANSWERS_H
#define INSILICO_TUNING_ANSWERS_H

#include "insilico/tuning.h"

/** Frames of a condition's trace in which a step is answered, and where the answer peaks. */
typedef struct ins_answer {
  bool exists; /* there are such frames */
  size_t condition, first, end, peak;
  double size; /* of the peak above the baseline of that trace; may be negative */
} ins_answer;

/** Frames [first,end) of a condition, end cut to the trace. The baseline is the mean of the frames
 * before the onset, 0 where there are none. */
ins_answer ins_answer_find(const ins_tuning_data *data, size_t condition, size_t first, size_t end);

enum {
  INS_ANSWER_ON_OFF,     /* (on - off) / (on + off), sizes, negative ones 0 */
  INS_ANSWER_TRANSIENCE, /* of the larger: 1 - r(peak + 0.4 s) / r(peak) */
  INS_ANSWER_PLATEAU,    /* mean of its last 0.2 s / r(peak) */
  INS_ANSWER_SIZE,       /* r(peak), above the baseline; p: sign flips of trials */
  INS_ANSWER_BASELINE,
  INS_N_ANSWER_INDICES
};

/** Smaller answers than this share of the largest response are none. */
#define INS_LEAST_ANSWER 1e-3

/** Place of the larger of two answers (on: 0, off: 1), or -1 where neither is one. */
int ins_answer_preferred(const ins_tuning_data *data, const ins_answer answers[2]);
/** out[INS_N_ANSWER_INDICES] of answers (on, off) with intervals and p from trial_traces. In
 * resampled trials r is taken at the frames where the response without noise has its peaks: the
 * peak of a noisy trace would always be too high.
 * @return INS_OK; INS_ERR_MEMORY */
ins_status ins_answers_measure(const ins_tuning_data *data, const ins_answer answers[2],
                               ins_measure *out) INS_CHECKED;

#endif
