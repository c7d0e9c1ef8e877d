/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app.h"
#include "insilico/checkpoint.h"
#include "insilico/file.h"

/* A model file may be written anew; nothing else is overwritten, least of all where the model came
 * from. */
static ins_status check_target(const char *in, const char *out) {
  ins_model_source *old = NULL;
  const size_t n = strlen(in);
  if (strncmp(out, in, n) == 0 && n && (out[n] == '/' || in[n - 1] == '/'))
    return ins_fail(INS_ERR_ARGUMENT,
                    "%s: lies in the folder of the ensemble, of which it would be a member; choose "
                    "another place",
                    out);
  if (!ins_file_exists(out)) return ins_file_make_parents(out);
  if (ins_file_same(in, out))
    return ins_fail(INS_ERR_ARGUMENT, "%s: is the model to convert; choose another name", out);
  bool ours = ins_native_read(out, &old) == INS_OK;
  ins_model_source_destroy(&old);
  if (ours) return INS_OK;
  return ins_fail(
      INS_ERR_ARGUMENT,
      "%s: exists and is not a whole model file of insilico, so it is left alone; move it "
      "away or choose another name",
      out);
}

ins_status ins_command_convert(const ins_arguments *arguments) {
  ins_model_source *source = NULL;
  ins_model *model = NULL;
  const char *out = arguments->words[1];
  char *path = NULL;
  ins_status status = check_target(arguments->words[0], out);
  if (status == INS_OK) status = ins_ready_named(arguments, arguments->words[0], &path, &source);
  /* A file that could not be run would only fail later. */
  if (status == INS_OK) status = ins_model_create(source, &model);
  if (status == INS_OK) status = ins_native_write(out, source);
  if (status == INS_OK)
    printf("wrote %s: %zu neurons, %zu parameters\n", out, ins_model_describe(model)->n_neurons,
           ins_model_describe(model)->n_parameters);
  ins_model_destroy(&model);
  ins_model_source_destroy(&source);
  free(path);
  return status;
}
