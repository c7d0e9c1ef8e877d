/* SPDX-License-Identifier: MIT */
/** What a stranger's file holds, and what loading it elsewhere would do. Neither makes a model, and
 * neither runs anything (docs/safety.md). Local.
 */
#ifndef INSILICO_LOOK_H
#define INSILICO_LOOK_H

#include "insilico/value.h"

/** Is it a torch file (ZIP, or of torch before 1.6) by its first bytes? false also when it cannot
 * be read. */
bool ins_checkpoint_is_torch(const char *path);

/** What a torch file holds: {format, bytes (of the file), class (of the pickled object, where it is
 * one), tensors: [{name, shape, dtype, n_bytes}], other: names of the entries that hold no tensor}.
 * Nested dictionaries, lists and modules are walked, names joined by dots; no number is read.
 * @return INS_OK; INS_ERR_IO; INS_ERR_FORMAT (damaged, naming the place); INS_ERR_UNSUPPORTED (tar
 * files of torch before 0.1.11); INS_ERR_MEMORY */
ins_status ins_checkpoint_look(const char *path, ins_value **out) INS_CHECKED;

/** What Python would import and call if it loaded the file without weights_only: {format, verdict,
 * imports: [{name, verdict, calls, pickle, first_at, by, arguments}], pickles: [{name, at, bytes,
 * broken}]}.
 *
 * Verdicts are "harmless" (in the table of constructors that checkpoints of openretina hold),
 * "dangerous" (runs programs or code, opens files or connections, or leads to what does) and
 * "unknown" (everything else); that of the file is the worst of all, and at least "unknown" where a
 * pickle could not be followed to its end. `first_at` is a byte of the file where the pickle is
 * stored as it is, else of the pickle. `by` says what names it: "pickle", or "_target_" for a class
 * that hydra would make from hyper-parameters. `arguments` are those of the first call of a
 * dangerous name, as printable text. Looks into torch ZIP files (every pickle and .npy inside),
 * files of torch before 1.6, .npy files with objects, and bare pickles with all that follow them.
 * @return INS_OK; INS_ERR_IO; INS_ERR_FORMAT (no container that can be opened: nothing is known of
 * it); INS_ERR_UNSUPPORTED (tar files); INS_ERR_MEMORY */
ins_status ins_checkpoint_scan(const char *path, ins_value **out) INS_CHECKED;

#endif
