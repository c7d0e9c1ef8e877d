/* SPDX-License-Identifier: MIT */
/** What the fast and the readable engine of a chain share. */
#ifndef INSILICO_CHAIN_PARTS_H
#define INSILICO_CHAIN_PARTS_H

#include "chain.h"

/** Levels of which the core's output is made: the last one, or those that are stacked. Level k is
 * what goes into step k. */
size_t ins_chain_n_outputs(const ins_chain *chain);
size_t ins_chain_output(const ins_chain *chain, size_t i);

#endif
