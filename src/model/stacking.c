/* SPDX-License-Identifier: MIT */
#include "stacking.h"

static ins_status no_layer(long l, size_t n) {
  return ins_fail(INS_ERR_FORMAT,
                  "core.stack of the architecture names layer %ld, but the core has layers 0 to "
                  "%zu",
                  l, n - 1);
}

static ins_status read_numbers(const ins_builder *b, const ins_value *stack, size_t n, long *out) {
  const long limit = 1L << 20;
  if (!stack || stack->kind == INS_NULL) {
    for (size_t l = 0; l < n; l++) out[l] = (long)l;
    return INS_OK;
  }
  if (stack->kind == INS_LIST) return ins_builder_ints(b, "core.stack", n, -limit, limit, out);
  return ins_builder_int(b, "core.stack", -limit, limit, out);
}

ins_status ins_stacking_read(ins_builder *b, size_t n_layers, ins_stacking *out) {
  const ins_value *stack = ins_value_at(b->architecture, "core.stack");
  const bool all = !stack || stack->kind == INS_NULL, list = !all && stack->kind == INS_LIST;
  const size_t n = all ? n_layers : list ? stack->children.n : 1;
  long *numbers;
  *out = (ins_stacking){.n = n, .n_layers = n_layers};
  if (n < 1) return ins_fail(INS_ERR_FORMAT, "core.stack of the architecture lists no layers");
  ins_status status = ins_arena_take(b->arena, n, sizeof *numbers, &numbers);
  if (status == INS_OK) status = ins_arena_take(b->arena, n, sizeof *out->layers, &out->layers);
  if (status == INS_OK)
    status = ins_arena_take(b->arena, n_layers, sizeof *out->last_step, &out->last_step);
  if (status == INS_OK) status = read_numbers(b, stack, n, numbers);
  for (size_t i = 0; i < n && status == INS_OK; i++) {
    const long l = numbers[i] < 0 ? numbers[i] + (long)n_layers : numbers[i];
    if (l < 0 || l >= (long)n_layers) return no_layer(numbers[i], n_layers);
    out->layers[i] = (size_t)l;
  }
  return status;
}

bool ins_stacking_has(const ins_stacking *stacking, size_t layer) {
  for (size_t i = 0; i < stacking->n; i++)
    if (stacking->layers[i] == layer) return true;
  return false;
}

void ins_stacking_note(ins_stacking *stacking, size_t layer, const ins_chain *chain) {
  stacking->last_step[layer] = chain->n_steps - 1;
}

static ins_status check_sizes(const ins_builder *b, const ins_chain *chain, const size_t *steps,
                              size_t n) {
  const ins_size in = {b->in[0], 1L << 20, b->in[2], b->in[3]};
  const ins_size first = ins_chain_size(chain, in, steps[0] + 1);
  for (size_t i = 1; i < n; i++) {
    const ins_size s = ins_chain_size(chain, in, steps[i] + 1);
    if (s.t != first.t || s.h != first.h || s.w != first.w)
      return ins_fail(INS_ERR_SHAPE,
                      "core.stack joins layers whose outputs differ by %ld frames, %ld rows and "
                      "%ld columns",
                      s.t - first.t, s.h - first.h, s.w - first.w);
  }
  return INS_OK;
}

ins_status ins_stacking_finish(const ins_builder *b, const ins_stacking *stacking,
                               ins_chain *chain) {
  size_t *steps;
  ins_status status = ins_arena_take(b->arena, stacking->n, sizeof *steps, &steps);
  if (status != INS_OK) return status;
  size_t last = 0;
  for (size_t i = 0; i < stacking->n; i++) {
    steps[i] = stacking->last_step[stacking->layers[i]];
    if (steps[i] > last) last = steps[i];
  }
  status = check_sizes(b, chain, steps, stacking->n);
  chain->n_steps = last + 1;
  if (stacking->n == 1) return status;
  chain->stack = steps;
  chain->n_stack = stacking->n;
  return status;
}
