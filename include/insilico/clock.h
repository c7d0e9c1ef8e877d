/* SPDX-License-Identifier: MIT */
/** Time that only goes forwards. */
#ifndef INSILICO_CLOCK_H
#define INSILICO_CLOCK_H

/** Seconds since some moment in the past; not affected by setting the system's clock. */
double ins_clock_s(void);

#endif
