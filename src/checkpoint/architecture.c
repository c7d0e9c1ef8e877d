/* SPDX-License-Identifier: MIT */
#include "architecture.h"

#include "in_shape.h"
#include "kind.h"
#include "sessions.h"
#include "state_dict.h"

static ins_status set_text(ins_value *a, const char *path, const char *text) {
  return ins_value_set(a, path, ins_value_text(text));
}

/* ---- core ------------------------------------------------------------------------------------ */

/* A model of one cell has no core, and nobody need say so. */
static ins_status make_no_core(ins_value *a) {
  ins_status status = set_text(a, "core.kind", "dummy");
  return status == INS_OK ? ins_value_set(a, "core.cut_first_n_frames", ins_value_int(0)) : status;
}

static ins_status make_core(const ins_settings *s, const ins_core_kind *kind,
                            const ins_peer_class *class, const ins_value *state, ins_value *a) {
  ins_status status = kind->accept ? kind->accept(s->file, state) : INS_OK;
  if (status == INS_OK) status = set_text(a, "core.kind", kind->kind);
  if (status == INS_OK) status = ins_settings_read(s, "core", class->settings, state, a);
  return status == INS_OK ? kind->check(s->file, a) : status;
}

/* ---- readout --------------------------------------------------------------------------------- */

static ins_status make_readout(const ins_settings *s, const ins_readout_kind *kind,
                               const ins_peer_class *class, const ins_value *state, ins_value *a) {
  ins_status status = kind->accept ? kind->accept(s) : INS_OK;
  if (status == INS_OK) status = set_text(a, "readout.kind", kind->kind);
  return status == INS_OK ? ins_settings_read(s, "readout", class->settings, state, a) : status;
}

/* ---- the whole ------------------------------------------------------------------------------- */

static ins_status make_in_shape(const ins_settings *s, const ins_value *state, ins_value *a) {
  static const ins_setting setting = {.name = "in_shape", .kind = INS_SETTING_INTS};
  ins_value *shape = NULL;
  ins_status status = s->given && !ins_setting_is_given(s, "in_shape")
                          ? ins_in_shape_derive(s, state, a, &shape)
                          : ins_setting_read(s, "", &setting, &shape);
  if (status == INS_OK)
    status = ins_value_set(a, "in_shape", shape);
  else
    ins_value_destroy(&shape);
  return status == INS_OK ? ins_in_shape_check(s, state, a) : status;
}

static ins_status make_sessions(const ins_settings *s, const ins_readout_kind *kind,
                                const ins_value *state, ins_value *a) {
  ins_value *sessions = NULL;
  ins_status status = ins_sessions_read(s, kind, state, &sessions);
  return status == INS_OK ? ins_value_set(a, "sessions", sessions) : status;
}

typedef struct kinds {
  const ins_core_kind *core; /* NULL: a model of one cell */
  const ins_readout_kind *readout;
  const ins_peer_class *core_class, *readout_class;
} kinds;

/* A core that is named is complained about first: it is what a model is known by. */
static ins_status choose(const ins_settings *s, const ins_value *state, kinds *out) {
  bool named = ins_setting_is_given(s, "core");
  ins_status status = INS_OK;
  if (named) status = ins_core_kind_choose(s, state, &out->core, &out->core_class);
  if (status == INS_OK)
    status = ins_readout_kind_choose(s, state, &out->readout, &out->readout_class);
  if (status == INS_OK && !named && !out->readout->single)
    status = ins_core_kind_choose(s, state, &out->core, &out->core_class);
  return status;
}

/* Before anything is asked for. */
static ins_status check_keys(const ins_settings *s, const kinds *k) {
  const ins_peer_class *core = k->core_class, *readout = k->readout_class;
  ins_status status =
      core ? ins_settings_check_keys(s, "core", core->settings, core->unused) : INS_OK;
  if (status != INS_OK) return status;
  return ins_settings_check_keys(s, "readout", readout->settings, readout->unused);
}

ins_status ins_architecture_build(const ins_settings *s, const ins_value *state, ins_value **out) {
  kinds k = {0};
  ins_value *a = ins_value_map();
  *out = NULL;
  if (!a) return INS_ERR_MEMORY;
  ins_status status = ins_map_take(a, "in_shape", ins_value_list()); /* stands first */
  if (status == INS_OK) status = choose(s, state, &k);
  if (status == INS_OK) status = check_keys(s, &k);
  if (status == INS_OK)
    status = k.core ? make_core(s, k.core, k.core_class, state, a) : make_no_core(a);
  if (status == INS_OK) status = make_readout(s, k.readout, k.readout_class, state, a);
  if (status == INS_OK) status = make_in_shape(s, state, a);
  if (status == INS_OK) status = make_sessions(s, k.readout, state, a);
  if (status != INS_OK) ins_value_destroy(&a);
  *out = a;
  return status;
}

/* ---- what a user must say -------------------------------------------------------------------- */

/* A setting that only plays a part beside certain entries. */
static bool concerns(const ins_setting *setting, const ins_value *state, const char *prefix) {
  const char *const *leaf = setting->words;
  if (!leaf || (setting->kind & INS_SETTING_KINDS) != INS_SETTING_MADE) return true;
  while (*leaf && !ins_state_has_leaf(state, prefix, *leaf)) leaf++;
  return *leaf != NULL;
}

static void add_asked(ins_text *out, const char *part, const ins_setting *settings,
                      const ins_value *state, const char *prefix) {
  for (; settings->name; settings++)
    if (!(settings->kind & INS_SETTING_HARMLESS) && concerns(settings, state, prefix))
      ins_text_add(out, "%s%s.%s", out->length ? ", " : "", part, settings->name);
}

ins_status ins_architecture_asks(const char *file, const ins_value *state, ins_text *out) {
  const ins_settings nothing = {file, NULL, true, "model.architecture."};
  char prefix[300] = "";
  kinds k = {0};
  ins_status status = choose(&nothing, state, &k);
  if (status != INS_OK) return status;
  if (!k.readout->map) ins_text_add(out, "in_shape");
  if (!k.core) ins_text_add(out, ", readout.kind: %s", k.readout->kind);
  if (k.core) add_asked(out, "core", k.core_class->settings, state, "core.");
  (void)ins_state_first_prefix(state, prefix, sizeof prefix);
  add_asked(out, "readout", k.readout_class->settings, state, prefix);
  return ins_text_ok(out);
}

ins_status ins_architecture_fit(const char *file, ins_value *state, ins_value *ignored,
                                ins_value **architecture) {
  const ins_core_kind *core = ins_core_kind_of(*architecture);
  ins_status status = ins_state_sort(file, *architecture, state, ignored);
  if (status == INS_OK) status = ins_state_check(file, *architecture, state);
  if (status == INS_OK && core->finish) status = core->finish(file, state, architecture);
  return status;
}
