/* SPDX-License-Identifier: MIT */
/** One setting of a model, wherever it is written, as one kind of value. */
#ifndef CHECKPOINT_SETTINGS_H
#define CHECKPOINT_SETTINGS_H

#include "architecture.h"

typedef enum ins_setting_kind {
  INS_SETTING_MADE, /* not read: computed elsewhere */
  INS_SETTING_INT,
  INS_SETTING_REAL,
  INS_SETTING_BOOL,
  INS_SETTING_INTS,
  INS_SETTING_REALS,
  INS_SETTING_PADDING, /* false, true, "same", a number, or three numbers */
  INS_SETTING_KINDS = 15,
  INS_SETTING_NULLABLE = 16,
  INS_SETTING_HARMLESS = 32 /* a user may leave it out: absent means the fallback */
} ins_setting_kind;

typedef struct ins_setting {
  const char *path;     /* in the architecture, and in UnifiedCoreReadout's hyper-parameters */
  const char *example;  /* the argument of ExampleCoreReadout */
  int kind;             /* ins_setting_kind and its flags */
  const char *fallback; /* "30", "true", "null"; NULL: it must be given */
} ins_setting;

bool ins_setting_is_given(const ins_settings *s, const char *path, const char *example);
const char *ins_setting_text(const ins_settings *s, const char *path, const char *example);
/** @return INS_OK; INS_ERR_MISSING naming the key to give; INS_ERR_FORMAT (another kind of value)
 */
ins_status ins_setting_read(const ins_settings *s, const ins_setting *setting,
                            ins_value **out) INS_CHECKED;

#endif
