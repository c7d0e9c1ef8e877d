/* SPDX-License-Identifier: MIT */
/* Stages in a file: which there are, and where. */
#include <stdlib.h>
#include <string.h>

#include "parts.h"

hid_t ins_store_open_group(hid_t file, const char *group) {
  return H5Gopen2(file, group ? group : "/", H5P_DEFAULT);
}

ins_status ins_store_stage_names(hid_t file, ins_value **out) {
  ins_value *said;
  *out = NULL;
  ins_status status = ins_h5_get_value(file, "stages", &said);
  if (status != INS_OK) return status;
  char *words = strdup(ins_value_text_or(said, "/")), *rest = NULL;
  *out = ins_value_list();
  if (!words || !*out) status = ins_fail(INS_ERR_MEMORY, "out of memory for names");
  ins_value_destroy(&said);
  for (char *word = words ? strtok_r(words, " ", &rest) : NULL; word && status == INS_OK;
       word = strtok_r(NULL, " ", &rest))
    status = ins_list_take(*out, ins_value_text(word));
  free(words);
  if (status != INS_OK) ins_value_destroy(out);
  return status;
}
