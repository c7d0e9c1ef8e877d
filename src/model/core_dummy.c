/* SPDX-License-Identifier: MIT */
#include "conv_layer.h"

/* openretina's DummyCore: the stimulus itself, without its first frames. */
static ins_status create(ins_builder *b, ins_chain *chain) {
  const char *const path = "core.cut_first_n_frames";
  const ins_value *cut = ins_value_at(b->architecture, path);
  chain->in_channels = b->in[0];
  if (!cut || cut->kind == INS_NULL) return INS_OK;
  return ins_builder_int(b, path, 0, 1 << 20, &chain->cut);
}

const ins_core_kind ins_core_dummy = {"dummy", create};
