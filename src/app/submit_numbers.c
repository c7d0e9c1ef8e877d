/* SPDX-License-Identifier: MIT */
/* What Slurm called the last submission: a line in NAME.sbatch.jobs beside NAME.h5. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "insilico/journal.h"
#include "insilico/log.h"
#include "submit.h"

bool ins_submit_numbers(const char *output, char *ids, size_t size) {
  char *path = ins_beside(output, "sbatch.jobs");
  FILE *file = path ? fopen(path, "r") : NULL;
  if (!file || !fgets(ids, (int)size, file)) ids[0] = '\0';
  if (file) fclose(file);
  free(path);
  const bool whole = strchr(ids, '\n') != NULL;
  ids[strspn(ids, "0123456789_,")] = '\0';
  if (!whole && strrchr(ids, ',')) *strrchr(ids, ',') = '\0'; /* of a chain too long for ids */
  return ids[0] != '\0';
}

void ins_submit_note(const char *output, const char *ids) {
  char *path = ins_beside(output, "sbatch.jobs");
  FILE *file = path ? fopen(path, "w") : NULL;
  bool written = file && fprintf(file, "%s\n", ids) > 0;
  if (file && fclose(file)) written = false;
  if (!written)
    ins_log(INS_LOG_WARNING, "%s: cannot be written: %s", path ? path : output, strerror(errno));
  free(path);
}
