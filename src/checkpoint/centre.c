/* SPDX-License-Identifier: MIT */
#include "centre.h"

#include <math.h>
#include <string.h>

#include "kind.h"

static ins_status read_place(const ins_value *where, double place[2]) {
  place[0] = place[1] = 0;
  if (where->kind == INS_BOOL) return INS_OK;
  for (size_t i = 0; i < 2; i++) {
    const ins_value *x =
        where->kind == INS_LIST && where->children.n == 2 ? where->children.items[i] : NULL;
    place[i] = x && ins_value_is_number(x) ? ins_value_real_or(x, NAN) : NAN;
    if (!isfinite(place[i]))
      return ins_fail(INS_ERR_ARGUMENT, "model.center_readout must be true, false or [y, x]");
  }
  return INS_OK;
}

/* The leaf that holds the centres, in every part of the architecture the same. */
static ins_status check_kinds(const ins_value *a, const char **leaf) {
  const ins_value *members = ins_map_get(a, "members");
  ins_status status = INS_OK;
  for (size_t i = 0; status == INS_OK && i < ins_value_count(members); i++)
    status = check_kinds(members->children.items[i], leaf);
  if (members) return status;
  const ins_readout_kind *kind = ins_readout_kind_of(a);
  const ins_value *gaussian = ins_value_at(a, "readout.gaussian_masks");
  if (kind && kind->centre && ins_value_bool_or(gaussian, true)) {
    *leaf = kind->centre;
    return INS_OK;
  }
  return ins_fail(INS_ERR_UNSUPPORTED,
                  "model.center_readout moves Gaussian masks, but the readout is of the kind %s",
                  ins_value_text_or(ins_value_at(a, "readout.kind"), "unknown"));
}

/* mask [N,2] in float32: the numbers that are set are simple, and no other type is the better for
 * them. */
static ins_status set_centres(const char *name, const ins_value *old, const double place[2],
                              ins_value *parameters) {
  if (old->kind != INS_ARRAY || old->array.n_dims != 2 || old->array.shape[1] != 2)
    return ins_fail(INS_ERR_SHAPE, "parameter '%s' is not [neurons, 2]", name);
  ins_value *fresh = ins_value_array(INS_F32, 2, old->array.shape);
  if (!fresh) return INS_ERR_MEMORY;
  float *at = fresh->array.data;
  for (size_t i = 0; i < 2 * fresh->array.shape[0]; i++) at[i] = (float)place[i % 2];
  return ins_map_take(parameters, name, fresh);
}

static ins_status note(const double place[2], ins_value *provenance) {
  ins_value *list = ins_value_list();
  ins_status status = list ? INS_OK : INS_ERR_MEMORY;
  for (size_t i = 0; status == INS_OK && i < 2; i++)
    status = ins_list_take(list, ins_value_real(place[i]));
  if (status == INS_OK) return ins_map_take(provenance, "center_readout", list);
  ins_value_destroy(&list);
  return status;
}

ins_status ins_centre_readout(ins_model_source *source, const ins_value *where) {
  const char *leaf = NULL;
  double place[2];
  if (where->kind == INS_NULL || (where->kind == INS_BOOL && !where->boolean)) return INS_OK;
  ins_status status = read_place(where, place);
  if (status == INS_OK) status = check_kinds(source->architecture, &leaf);
  for (size_t i = 0; status == INS_OK && i < source->parameters->children.n; i++) {
    const char *name = source->parameters->children.keys[i], *dot = strrchr(name, '.');
    if (dot && leaf && strcmp(dot + 1, leaf) == 0)
      status = set_centres(name, source->parameters->children.items[i], place, source->parameters);
  }
  return status == INS_OK ? note(place, source->provenance) : status;
}
