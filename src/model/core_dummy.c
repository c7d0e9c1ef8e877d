/* SPDX-License-Identifier: MIT */
#include "conv_layer.h"

/* openretina's DummyCore: the stimulus itself, without its first frames. */
static ins_status create(ins_builder *b, void **out) {
  const char *const path = "core.cut_first_n_frames";
  const ins_value *cut = ins_value_at(b->architecture, path);
  ins_chain *chain;
  ins_status status = ins_arena_take(b->arena, 1, sizeof *chain, &chain);
  if (status != INS_OK) return status;
  *out = chain;
  chain->in_channels = b->in[0];
  if (!cut || cut->kind == INS_NULL) return INS_OK;
  return ins_builder_int(b, path, 0, 1 << 20, &chain->cut);
}

const ins_core_ops ins_core_dummy = {
    .kind = "dummy",
    .create = create,
    .describe = ins_chain_describe,
    .extent = ins_chain_extent,
    .window = ins_chain_window,
    .plan = ins_chain_plan,
    .live = ins_chain_live,
    .forward = ins_chain_forward,
    .backward = ins_chain_backward,
    .reference = ins_chain_reference,
    .reference_backward = ins_chain_reference_backward,
};
