/* SPDX-License-Identifier: MIT */
#include "lightning.h"

#include <stdlib.h>
#include <string.h>

#include "architecture.h"
#include "insilico/hash.h"
#include "insilico/memory.h"
#include "state_dict.h"
#include "torch_file.h"

typedef struct reading {
  ins_torch_file *torch;
  const char *file; /* its name without the directory */
  ins_node state, hyper;
  ins_value *state_values, *hyper_values, *ignored;
  ins_settings settings;
} reading;

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

/* A state dict of a foreign model is named as such before anything is asked for. */
static ins_status check_family(const reading *r) {
  const char *foreign = ins_state_foreign(r->state_values);
  if (r->state_values->children.n && !foreign) return INS_OK;
  if (!foreign) return ins_fail(INS_ERR_MISSING, "%s: its state dict is empty", r->file);
  return ins_fail(INS_ERR_UNSUPPORTED,
                  "%s: its parameter '%s' is not one of the core-readout models "
                  "that are supported, which are openretina's SimpleCoreWrapper with "
                  "custom_separable convolutions and MultiGaussianMaskReadout",
                  r->file, foreign);
}

static ins_status choose_settings(reading *r, const ins_value *architecture) {
  if (architecture) {
    if (architecture->kind != INS_MAP)
      return ins_fail(INS_ERR_ARGUMENT, "model.architecture must be a map of settings");
    r->settings = (ins_settings){r->file, architecture, INS_STYLE_GIVEN};
    return INS_OK;
  }
  if (r->hyper_values && r->hyper_values->kind == INS_MAP)
    return ins_settings_recognise(r->file, r->hyper_values, &r->settings);
  return ins_fail(
      INS_ERR_MISSING,
      "%s: a state dict without its architecture: give model.architecture "
      "with core.temporal_kernel_sizes, core.input_padding, core.hidden_padding, "
      "core.cut_first_n_frames, readout.gaussian_mean_scale, readout.gaussian_var_scale and "
      "readout.positive (channels, spatial kernels, neurons and sessions are read from the "
      "weights)",
      r->file);
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
  if (r->settings.style == INS_STYLE_EXAMPLE)
    return "openretina.models.core_readout.ExampleCoreReadout";
  return "openretina.models.core_readout.UnifiedCoreReadout";
}

static ins_status make_provenance(reading *r, const char *path, ins_value **out) {
  char digest[INS_SHA256_HEX];
  bool bare = !r->hyper;
  ins_value *map = *out = ins_value_map();
  ins_status status = map ? ins_sha256_file(path, digest) : INS_ERR_MEMORY;
  if (status == INS_OK)
    status = ins_map_take(map, "format", ins_value_text(bare ? "torch state dict" : "lightning"));
  if (status == INS_OK) status = ins_map_take(map, "file", ins_value_text(r->file));
  if (status == INS_OK) status = ins_map_take(map, "sha256", ins_value_text(digest));
  if (status == INS_OK && !bare) status = ins_map_take(map, "class", ins_value_text(class_of(r)));
  if (status == INS_OK && r->settings.style == INS_STYLE_GIVEN)
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
  const ins_value *info = ins_map_get(r->hyper_values, "data_info");
  *out = info && info->kind == INS_MAP ? ins_value_copy(info) : ins_value_map();
  return *out ? INS_OK : INS_ERR_MEMORY;
}

static ins_status read_values(reading *r) {
  ins_status status = ins_torch_value(r->torch, r->state, &r->state_values);
  if (status == INS_OK && r->state_values->kind != INS_MAP)
    status = ins_fail(INS_ERR_FORMAT, "%s: damaged: its state_dict is no dictionary", r->file);
  if (status == INS_OK && !r->hyper) status = check_family(r);
  if (status == INS_OK && r->hyper) status = ins_torch_value(r->torch, r->hyper, &r->hyper_values);
  return status;
}

static ins_status make_source(reading *r, const char *path, ins_model_source *source) {
  ins_status status = ins_architecture_build(&r->settings, r->state_values, &source->architecture);
  if (status == INS_OK) {
    r->ignored = ins_value_list();
    status = r->ignored ? ins_state_sort(r->file, r->state_values, r->ignored) : INS_ERR_MEMORY;
  }
  if (status == INS_OK) status = ins_state_check(r->file, source->architecture, r->state_values);
  if (status == INS_OK) status = take_data_info(r, &source->data_info);
  if (status == INS_OK) status = make_provenance(r, path, &source->provenance);
  if (status != INS_OK) return status;
  source->parameters = r->state_values;
  r->state_values = NULL;
  return INS_OK;
}

ins_status ins_lightning_read(const char *path, const ins_value *architecture,
                              ins_model_source **out) {
  reading r = {0};
  ins_model_source *source = NULL;
  *out = NULL;
  ins_status status = ins_torch_open(path, &r.torch);
  if (status != INS_OK) return status;
  r.file = ins_archive_name(r.torch->archive);
  status = find_parts(&r);
  if (status == INS_OK) status = read_values(&r);
  if (status == INS_OK) status = choose_settings(&r, architecture);
  if (status == INS_OK) status = ins_alloc(1, sizeof *source, &source);
  if (status == INS_OK) status = make_source(&r, path, source);
  if (status == INS_OK)
    *out = source;
  else
    ins_model_source_destroy(&source);
  ins_value_destroy(&r.state_values);
  ins_value_destroy(&r.hyper_values);
  ins_value_destroy(&r.ignored);
  ins_torch_close(&r.torch);
  return status;
}
