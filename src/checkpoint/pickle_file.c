/* SPDX-License-Identifier: MIT */
#include "pickle_file.h"

#include "torch_file.h"

ins_status ins_pickle_file_value(const char *path, ins_value **out) {
  ins_torch_file *file;
  *out = NULL;
  ins_status status = ins_torch_open_pickle(path, &file);
  if (status == INS_OK) status = ins_torch_value(file, ins_torch_root(file), out);
  ins_torch_close(&file);
  return status;
}
