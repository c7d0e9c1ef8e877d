/* SPDX-License-Identifier: MIT */
/** One setting of a model, wherever it is written, as one kind of value. */
#ifndef CHECKPOINT_SETTINGS_H
#define CHECKPOINT_SETTINGS_H

#include "insilico/value.h"

/** What a checkpoint or a user says of a model: {in_shape, hidden_channels, n_neurons_dict, core,
 * readout}, as the arguments of UnifiedCoreReadout. */
typedef struct ins_settings {
  const char *file; /* for messages */
  const ins_value *map;
  bool given; /* model.architecture of a job, or what stands for it: our names or openretina's */
  const char *root; /* stands before the names of settings in messages: "", "model.architecture." */
} ins_settings;

typedef enum ins_setting_kind {
  INS_SETTING_MADE, /* not read: made from other settings and from the weights */
  INS_SETTING_INT,
  INS_SETTING_REAL,
  INS_SETTING_BOOL,
  INS_SETTING_TRUTH, /* whatever Python takes for true or false */
  INS_SETTING_INTS,
  INS_SETTING_REALS,
  INS_SETTING_PADDING,  /* false, true, "same", a number, or three numbers */
  INS_SETTING_WORD,     /* one of `words` */
  INS_SETTING_FUNCTION, /* a function of torch by name, configuration or reference */
  INS_SETTING_KINDS = 15,
  INS_SETTING_NULLABLE = 16,
  INS_SETTING_HARMLESS = 32 /* a user may leave it out: the weights would contradict the fallback,
                               or it cannot matter */
} ins_setting_kind;

typedef struct ins_setting ins_setting;
/** Makes a setting from others. `architecture` holds those that stand before it. *out may stay NULL
 * where the setting plays no part in this model. */
typedef ins_status ins_setting_maker(const ins_settings *s, const ins_setting *setting,
                                     const ins_value *state, const ins_value *architecture,
                                     ins_value **out);

struct ins_setting {
  const char *name;         /* in the architecture */
  const char *peer;         /* openretina's name where it is another */
  int kind;                 /* ins_setting_kind and its flags */
  const char *fallback;     /* openretina's default: "30", "true", "null"; NULL: must be given */
  const char *const *words; /* of INS_SETTING_WORD; entries that tell; ended by NULL. Of a
                               setting MADE that a user must give: entries that call for it */
  ins_setting_maker *make;  /* of INS_SETTING_MADE */
};

/** The value of a setting of `part` ("core", "readout", "core.gru" or "": the whole) under either
 * name, or NULL where it is absent or is OmegaConf's "???". */
const ins_value *ins_setting_find(const ins_settings *s, const char *part,
                                  const ins_setting *setting);
/** A maker for truth values that the weights tell: openretina's default for a file, and for a job
 * that leaves it out whether one of the entries `words` is there, of the core or of the first
 * session. */
ins_setting_maker ins_make_presence_core, ins_make_presence_readout;

bool ins_setting_is_given(const ins_settings *s, const char *path);

/** @return INS_OK; INS_ERR_MISSING naming the key to give; INS_ERR_FORMAT (another kind of value);
 *          INS_ERR_UNSUPPORTED (a function of one's own) */
ins_status ins_setting_read(const ins_settings *s, const char *part, const ins_setting *setting,
                            ins_value **out) INS_CHECKED;
/** Reads settings[0..] into the map `part` of the architecture, in their order. */
ins_status ins_settings_read(const ins_settings *s, const char *part, const ins_setting *settings,
                             const ins_value *state, ins_value *architecture) INS_CHECKED;
/** INS_ERR_UNSUPPORTED for a key of `part` that is neither a setting nor one of `unused`, which
 * only matter in training, and that is not null: the model may depend on it. */
ins_status ins_settings_check_keys(const ins_settings *s, const char *part,
                                   const ins_setting *settings,
                                   const char *const *unused) INS_CHECKED;

/** Item i of the list of whole numbers at `path` of an architecture; 0 when there is none. */
int64_t ins_architecture_int(const ins_value *architecture, const char *path, size_t i);

#endif
