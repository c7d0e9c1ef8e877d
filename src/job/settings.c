/* SPDX-License-Identifier: MIT */
#include "insilico/settings.h"

#include "insilico/memory.h"
#include "job/resolve.h"

ins_status ins_settings_load(const char *path, const ins_key *table, const char *what,
                             ins_value **out) {
  char place[512];
  ins_key_places keys = {0};
  ins_check check = {path, &keys};
  const ins_tables tables = {.own = table};
  ins_value *document = NULL;
  *out = NULL;
  ins_status status = ins_yaml_read(path, &keys, &document);
  if (status == INS_OK && !document && !(document = ins_value_map())) status = INS_ERR_MEMORY;
  if (status == INS_OK && document->kind != INS_MAP)
    status = ins_fail(INS_ERR_ARGUMENT, "%sexpected lines of `key: value`",
                      ins_value_place(document, place, sizeof place));
  if (status == INS_OK) status = ins_resolve_job(&check, &tables, document, what, out);
  ins_value_destroy(&document);
  ins_free(&keys.at);
  return status;
}

ins_status ins_settings_default(const ins_key *table, ins_value **out) {
  const ins_check check = {"defaults", NULL};
  const ins_tables tables = {.own = table};
  ins_value *document = ins_value_map();
  *out = NULL;
  ins_status status = document ? INS_OK : INS_ERR_MEMORY;
  if (status == INS_OK) status = ins_resolve_job(&check, &tables, document, "defaults", out);
  ins_value_destroy(&document);
  return status;
}
