/* SPDX-License-Identifier: MIT */
/** Files -> models, without executing anything that a file says.
 *
 * Reads Lightning checkpoints and torch state dicts of every core and readout that openretina can
 * train, native model files, ensembles of these, openretina's legacy ensembles, and the built-in
 * retina. The pickle inside is read inertly: every GLOBAL is a name, every REDUCE a node; a table
 * of the few constructors we understand turns nodes into plain values (docs/checkpoints.md).
 */
#ifndef INSILICO_CHECKPOINT_H
#define INSILICO_CHECKPOINT_H

#include "insilico/model.h"

/** Opens `name`: a path to a .ckpt/.pt/.pth, to a native model .h5, to a folder of such files (an
 * ensemble) or of a legacy ensemble, or "builtin:ground_truth[?neurons=N&seed=S]". `options` may be
 * NULL or a map; null and absent are the same; other keys are left alone:
 *   architecture    what a bare state dict lacks; in place of a checkpoint's hyper-parameters
 *   files           a list of paths: an ensemble; `name` is NULL or "" then
 *   member          k: that member of an ensemble alone, counted from 0
 *   center_readout  true or [y, x]: the masks of all neurons moved there
 * An ensemble has the architecture {in_shape, combine: mean, members: [...], sessions}, parameters
 * "members.K.NAME", the data_info of its first member, and the provenance of each in
 * provenance.members. Local.
 * @return INS_OK; INS_ERR_IO; INS_ERR_FORMAT (damaged or hostile: says where); INS_ERR_UNSUPPORTED
 * (names class, setting or parameter); INS_ERR_MISSING (names the key to give); INS_ERR_SHAPE;
 * INS_ERR_ARGUMENT (an option); INS_ERR_MEMORY */
ins_status ins_model_open(const char *name, const ins_value *options,
                          ins_model_source **out) INS_CHECKED;

/** The native model file (docs/model-file.md), by way of PATH.part and a rename; an existing file
 * is replaced. Reading gives a source that is equal bit for bit. */
ins_status ins_native_write(const char *path, const ins_model_source *source) INS_CHECKED;
ins_status ins_native_read(const char *path, ins_model_source **out) INS_CHECKED;

#endif
