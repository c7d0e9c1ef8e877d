/* SPDX-License-Identifier: MIT */
#include "job/inputs.h"

#include <stdlib.h>
#include <string.h>

#include "job/tables.h"

typedef struct walk {
  ins_tables tables;
  const ins_value *settings; /* what paths are looked up in, as the tree below may change */
  ins_status (*visit)(void *context, const char *path, ins_value **slot);
  void *context;
} walk;

static ins_status walk_children(const walk *w, const char *path, ins_value *value);

/* Numbers cannot be paths, and there may be many. */
static bool may_be_path(const ins_value *value) {
  return value->kind == INS_TEXT || value->kind == INS_LIST || value->kind == INS_MAP;
}

static ins_status walk_slot(const walk *w, const char *path, ins_value **slot) {
  if ((*slot)->kind != INS_MAP) {
    ins_found found = ins_key_at(&w->tables, w->settings, path);
    if (found.key && !found.inside && !found.kind && (found.key->flags & INS_KEY_CONTENTS))
      return w->visit(w->context, path, slot);
  }
  return walk_children(w, path, *slot);
}

static ins_status walk_children(const walk *w, const char *path, ins_value *value) {
  ins_status status = INS_OK;
  for (size_t i = 0; status == INS_OK && i < ins_value_count(value); i++) {
    if (!may_be_path(value->children.items[i])) continue;
    const char *dot = *path ? "." : "";
    char *here = value->kind == INS_MAP ? ins_format("%s%s%s", path, dot, value->children.keys[i])
                                        : ins_format("%s%s%zu", path, dot, i);
    if (!here) return INS_ERR_MEMORY;
    status = walk_slot(w, here, &value->children.items[i]);
    free(here);
  }
  return status;
}

static ins_tables tables_of(const ins_job *job) {
  return (ins_tables){.common = ins_job_common_keys_of(job->experiment),
                      .own = job->experiment->keys};
}

static ins_status hide(void *context, const char *path, ins_value **slot) {
  ins_value *hidden = ins_value_text("(by contents)");
  (void)context;
  (void)path;
  if (!hidden) return INS_ERR_MEMORY;
  ins_value_destroy(slot);
  *slot = hidden;
  return INS_OK;
}

ins_status ins_inputs_hide(const ins_job *job, ins_value *settings) {
  walk w = {tables_of(job), job->settings, hide, NULL};
  return walk_children(&w, "", settings);
}

/* Results know the model by a hash of its weights. */
static ins_status collect(void *context, const char *path, ins_value **slot) {
  if (strncmp(path, "model.", 6) == 0) return INS_OK;
  return ins_map_take(context, path, ins_value_copy(*slot));
}

ins_status ins_job_inputs(const ins_job *job, ins_value **out) {
  *out = ins_value_map();
  walk w = {tables_of(job), job->settings, collect, *out};
  ins_status status = *out ? walk_children(&w, "", job->settings) : INS_ERR_MEMORY;
  if (status != INS_OK) ins_value_destroy(out);
  return status;
}
