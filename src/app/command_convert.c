/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "app.h"
#include "insilico/checkpoint.h"

ins_status ins_command_convert(const ins_arguments *arguments) {
  ins_model_source *source = NULL;
  ins_model *model = NULL;
  const char *out = arguments->words[1];
  ins_status status = ins_model_open(arguments->words[0], NULL, &source);
  /* A file that could not be run would only fail later. */
  if (status == INS_OK) status = ins_model_create(source, &model);
  if (status == INS_OK) status = ins_native_write(out, source);
  if (status == INS_OK)
    printf("wrote %s: %zu neurons, %zu parameters\n", out, ins_model_describe(model)->n_neurons,
           ins_model_describe(model)->n_parameters);
  ins_model_destroy(&model);
  ins_model_source_destroy(&source);
  return status;
}
