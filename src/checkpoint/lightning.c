/* SPDX-License-Identifier: MIT */
#include "lightning.h"

#include <stdlib.h>
#include <string.h>

#include "architecture.h"
#include "insilico/hash.h"
#include "insilico/memory.h"
#include "kind.h"
#include "model_class.h"
#include "state_dict.h"
#include "torch_file.h"

typedef struct reading {
  ins_torch_file *torch;
  const char *file; /* its name without the directory */
  const ins_beside *beside;
  ins_node state, hyper;
  ins_value *state_values, *hyper_values, *ignored;
  ins_value *made; /* settings that are not in a tree of the file */
  ins_settings settings;
} reading;

const char *ins_file_name(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash ? slash + 1 : path;
}

/* ---- the parts of the file ------------------------------------------------------------------- */

/* The contents of the dictionary that a file, or an entry of it, is; 0 when it is none. */
static ins_node dict_of(const ins_pickle *p, ins_node node) {
  if (ins_pk_kind(p, node) == PK_CALL) node = ins_pk(p, node)->call.dict;
  return ins_pk_kind(p, node) == PK_DICT ? node : 0;
}

/* A bare state dict maps names to tensors and nothing else. */
static ins_status find_parts(reading *r) {
  const ins_pickle *p = &r->torch->pickle;
  ins_node root = ins_torch_root(r->torch);
  char name[256];
  if (!dict_of(p, root))
    return ins_fail(INS_ERR_UNSUPPORTED,
                    "%s: it holds a pickled object of class %s, which cannot be read "
                    "without running it; save its state_dict() instead",
                    r->file, ins_pk_name(p, root, name, sizeof name));
  r->state = ins_pk_get(p, root, "state_dict");
  r->hyper = ins_pk_get(p, root, "hyper_parameters");
  if (!r->state) r->state = root;
  if (dict_of(p, r->state)) return INS_OK;
  return ins_fail(INS_ERR_FORMAT, "%s: damaged: its state_dict is no dictionary", r->file);
}

static bool is_bare(const reading *r) {
  return r->state == ins_torch_root(r->torch);
}

/* A state dict of a foreign model is named as such before anything is asked for. */
static ins_status check_family(const reading *r) {
  const char *foreign = ins_state_foreign(r->state_values);
  char known[600];
  if (r->state_values->children.n && !foreign) return INS_OK;
  if (!foreign) return ins_fail(INS_ERR_MISSING, "%s: its state dict is empty", r->file);
  return ins_fail(INS_ERR_UNSUPPORTED,
                  "%s: its parameter '%s' is of none of openretina's models; %s", r->file, foreign,
                  ins_kinds_known(known, sizeof known));
}

static ins_status read_values(reading *r) {
  ins_status status = ins_torch_value(r->torch, r->state, &r->state_values);
  if (status == INS_OK && r->state_values->kind != INS_MAP)
    status = ins_fail(INS_ERR_FORMAT, "%s: damaged: its state_dict is no dictionary", r->file);
  if (status == INS_OK) ins_state_modernise(r->state_values);
  if (status == INS_OK && !r->hyper) status = check_family(r);
  if (status == INS_OK && r->hyper) status = ins_torch_value(r->torch, r->hyper, &r->hyper_values);
  return status;
}

/* ---- settings -------------------------------------------------------------------------------- */

/* What a user gives takes the place of the hyper-parameters, but the shape of the stimulus is
 * theirs where the user is silent. */
static ins_status settings_given(reading *r, const ins_value *architecture) {
  const ins_value *shape = ins_map_get(r->hyper_values, "in_shape");
  if (architecture->kind != INS_MAP)
    return ins_fail(INS_ERR_ARGUMENT, "model.architecture must be a map of settings");
  r->settings = (ins_settings){r->file, architecture, true, "model.architecture."};
  if (!shape || shape->kind != INS_LIST || ins_map_get(architecture, "in_shape")) return INS_OK;
  r->made = ins_value_copy(architecture);
  if (!r->made) return INS_ERR_MEMORY;
  r->settings.map = r->made;
  return ins_map_take(r->made, "in_shape", ins_value_copy(shape));
}

static ins_status settings_of_class(reading *r) {
  const ins_model_class *class = ins_model_class_of(r->hyper_values);
  char known[600];
  if (!class)
    return ins_fail(INS_ERR_UNSUPPORTED,
                    "%s: its hyper_parameters are of no class of openretina's that is known "
                    "(UnifiedCoreReadout, ExampleCoreReadout, SpatialContrastCoreReadout, "
                    "SingleCellSpatialContrast), as they name no core; %s",
                    r->file, ins_kinds_known(known, sizeof known));
  ins_status status = ins_model_class_settings(class, r->file, r->hyper_values, &r->made);
  r->settings = (ins_settings){r->file, r->made ? r->made : r->hyper_values, false, ""};
  return status;
}

static ins_status ask_for_architecture(const reading *r) {
  ins_text asks = {0};
  ins_status status = ins_architecture_asks(r->file, r->state_values, &asks);
  if (status == INS_OK)
    status = ins_fail(INS_ERR_MISSING,
                      "%s: a state dict without its architecture%s: give model.architecture with "
                      "%s (what the weights tell may be left out)",
                      r->file, is_bare(r) ? "" : " (its class saves no hyper-parameters)",
                      asks.data ? asks.data : "core and readout");
  ins_text_free(&asks);
  return status;
}

static ins_status choose_settings(reading *r) {
  if (r->beside->architecture) return settings_given(r, r->beside->architecture);
  if (r->beside->settings) {
    r->settings = (ins_settings){r->file, r->beside->settings, false, ""};
    return INS_OK;
  }
  if (r->hyper_values && r->hyper_values->kind == INS_MAP) return settings_of_class(r);
  return ask_for_architecture(r);
}

/* ---- provenance ------------------------------------------------------------------------------ */

static ins_status copy_entry(const reading *r, const char *from, const char *to, ins_value *map) {
  ins_node node = ins_pk_get(&r->torch->pickle, ins_torch_root(r->torch), from);
  ins_node_kind kind = ins_pk_kind(&r->torch->pickle, node);
  ins_value *value = NULL;
  if (!node || (kind != PK_INT && kind != PK_TEXT)) return INS_OK;
  ins_status status = ins_torch_value(r->torch, node, &value);
  return status == INS_OK ? ins_map_take(map, to, value) : status;
}

/* The number of torch's ZIP layout, which stands in place of a torch version. */
static ins_status add_file_version(const reading *r, ins_value *map) {
  unsigned char *bytes = NULL;
  size_t n = 0;
  if (!r->torch->archive || !r->torch->top) return INS_OK;
  char *member = ins_format("%sversion", r->torch->top);
  if (!member) return INS_ERR_MEMORY;
  ins_status status = INS_OK;
  if (ins_archive_has(r->torch->archive, member)) {
    status = ins_archive_read(r->torch->archive, member, 64, &bytes, &n);
    while (status == INS_OK && n && (bytes[n - 1] < '0' || bytes[n - 1] > '9')) n--;
    if (status == INS_OK)
      status = ins_map_take(map, "torch_file_version", ins_value_text_n((char *)bytes, n));
  }
  ins_free(&bytes);
  free(member);
  return status;
}

static const char *class_of(const reading *r) {
  if (r->beside->class) return r->beside->class;
  const ins_model_class *class = ins_model_class_of(r->hyper_values);
  return class ? ins_model_class_name(class) : NULL;
}

static ins_status make_provenance(reading *r, const char *path, ins_value **out) {
  char digest[INS_SHA256_HEX];
  const char *class = class_of(r);
  ins_value *map = *out = ins_value_map();
  ins_status status = map ? ins_sha256_file(path, digest) : INS_ERR_MEMORY;
  if (status == INS_OK)
    status =
        ins_map_take(map, "format", ins_value_text(is_bare(r) ? "torch state dict" : "lightning"));
  if (status == INS_OK) status = ins_map_take(map, "file", ins_value_text(r->file));
  if (status == INS_OK) status = ins_map_take(map, "sha256", ins_value_text(digest));
  if (status == INS_OK && class) status = ins_map_take(map, "class", ins_value_text(class));
  if (status == INS_OK && r->beside->architecture)
    status = ins_map_take(map, "architecture", ins_value_text("given by the user"));
  if (status == INS_OK)
    status = copy_entry(r, "pytorch-lightning_version", "lightning_version", map);
  if (status == INS_OK) status = add_file_version(r, map);
  if (status == INS_OK) status = copy_entry(r, "epoch", "epoch", map);
  if (status == INS_OK) status = copy_entry(r, "global_step", "global_step", map);
  if (status == INS_OK) {
    status = ins_map_take(map, "ignored", r->ignored);
    r->ignored = NULL;
  }
  return status;
}

/* ---- the whole ------------------------------------------------------------------------------- */

/* data_info as the file has it; an empty map when it has none. */
static ins_status take_data_info(reading *r, ins_value **out) {
  const ins_value *info =
      r->beside->data_info ? r->beside->data_info : ins_map_get(r->hyper_values, "data_info");
  *out = info && info->kind == INS_MAP ? ins_value_copy(info) : ins_value_map();
  return *out ? INS_OK : INS_ERR_MEMORY;
}

static ins_status make_source(reading *r, const char *path, ins_model_source *source) {
  ins_status status = ins_architecture_build(&r->settings, r->state_values, &source->architecture);
  if (status == INS_OK) {
    r->ignored = ins_value_list();
    status = r->ignored
                 ? ins_architecture_fit(r->file, r->state_values, r->ignored, &source->architecture)
                 : INS_ERR_MEMORY;
  }
  if (status == INS_OK) status = take_data_info(r, &source->data_info);
  if (status == INS_OK) status = make_provenance(r, path, &source->provenance);
  if (status != INS_OK) return status;
  source->parameters = r->state_values;
  r->state_values = NULL;
  return INS_OK;
}

ins_status ins_lightning_read(const char *path, const ins_beside *beside, ins_model_source **out) {
  reading r = {.file = ins_file_name(path), .beside = beside};
  ins_model_source *source = NULL;
  *out = NULL;
  ins_status status = ins_torch_open(path, &r.torch);
  if (status != INS_OK) return status;
  status = find_parts(&r);
  if (status == INS_OK) status = read_values(&r);
  if (status == INS_OK) status = choose_settings(&r);
  if (status == INS_OK) status = ins_alloc(1, sizeof *source, &source);
  if (status == INS_OK) status = make_source(&r, path, source);
  if (status == INS_OK)
    *out = source;
  else
    ins_model_source_destroy(&source);
  ins_value_destroy(&r.state_values);
  ins_value_destroy(&r.hyper_values);
  ins_value_destroy(&r.ignored);
  ins_value_destroy(&r.made);
  ins_torch_close(&r.torch);
  return status;
}
