/* SPDX-License-Identifier: MIT */
/** Reads the parameters "readout.SESSION.LEAF" of a readout, session by session. A session that
 * clones another one reads the other's parameters, which count as trained only once. Local.
 */
#ifndef INSILICO_READOUT_PARAMETERS_H
#define INSILICO_READOUT_PARAMETERS_H

#include "builder.h"
#include "kernels/nonlinearity.h"
#include "readout_patch.h"

/** Parameter `leaf` as float32 [shape], in the model's arena. INS_ERR_MISSING, INS_ERR_SHAPE (both
 * name it), INS_ERR_FORMAT when the name of the session is too long. */
ins_status ins_readout_take(ins_builder *b, const ins_session *session, const char *leaf,
                            bool trained, int n_dims, const size_t *shape, float **out) INS_CHECKED;
/** The same, without a copy where the source allows it. */
ins_status ins_readout_view(ins_builder *b, const ins_session *session, const char *leaf,
                            bool trained, int n_dims, const size_t *shape,
                            const float **out) INS_CHECKED;
bool ins_readout_has(const ins_builder *b, const ins_session *session, const char *leaf);
ins_status ins_readout_shape(const ins_builder *b, const ins_session *session, const char *leaf,
                             int n_dims, size_t *shape) INS_CHECKED;
ins_dtype ins_readout_dtype(const ins_builder *b, const ins_session *session, const char *leaf);
/** A number for each neuron of the session, to out[session->first...]; `constant` where the
 * setting `path` says that it is not trained and the file has none. */
ins_status ins_readout_each(ins_builder *b, const ins_session *session, const char *leaf,
                            const char *path, bool trained_by_default, float constant,
                            float *out) INS_CHECKED;
/** Accepts a parameter of n_dims axes that openretina stores although it plays no part. */
ins_status ins_readout_ignore(ins_builder *b, const ins_session *session, const char *leaf,
                              int n_dims) INS_CHECKED;
/** The single number `name` (as it stands, without session). */
ins_status ins_readout_scalar(ins_builder *b, const char *name, bool trained,
                              double *out) INS_CHECKED;
/** scale = alpha * scale, bias = alpha * bias + beta for the neurons of a cloned session; nothing
 * for other sessions. */
ins_status ins_readout_fold_clone(ins_builder *b, const ins_session *session, float *scale,
                                  float *bias) INS_CHECKED;

/** The setting "readout.nonlinearity", a torch function by name; `fallback` where it is missing or
 * null. INS_ERR_UNSUPPORTED names one that is not known. */
ins_status ins_readout_nonlinearity(const ins_builder *b, ins_nonlinearity fallback,
                                    ins_nonlinearity *out) INS_CHECKED;
/** INS_ERR_SHAPE when a temporal filter of n_taps frames or a patch of h x w pixels has none. */
ins_status ins_readout_check_filter(size_t n_taps, size_t h, size_t w) INS_CHECKED;
/** Where the h x w patch of a model of one neuron lies on the map ("readout.crop": [top, left]);
 * without crop it must be the map. INS_ERR_SHAPE. */
ins_status ins_readout_crop(const ins_builder *b, size_t map_h, size_t map_w, size_t h, size_t w,
                            ins_patch *out) INS_CHECKED;

#endif
