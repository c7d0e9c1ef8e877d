/* SPDX-License-Identifier: MIT */
/** How safe it is to let a pickle import and call a name. Local. */
#ifndef CHECKPOINT_SCAN_NAMES_H
#define CHECKPOINT_SCAN_NAMES_H

#include <stdbool.h>
#include <stddef.h>

typedef enum ins_verdict { INS_HARMLESS, INS_UNKNOWN, INS_DANGEROUS } ins_verdict;

const char *ins_verdict_name(ins_verdict verdict); /* "harmless", ... */

/** The verdict on "module.name", where name may itself lead through attributes ("a.b"). */
ins_verdict ins_verdict_of(const char *module, const char *name);
/** True for harmless types whose call can build texts, and so hide a name from who reads the
 * pickle. */
bool ins_verdict_hides(const char *full_name);

#endif
