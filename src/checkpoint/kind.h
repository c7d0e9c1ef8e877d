/* SPDX-License-Identifier: MIT */
/** What a kind of core or readout is in openretina's files, as a table: the classes of that name,
 * their settings with their defaults, the entries of a state dict with the shapes that they must
 * have. A kind is a file kind_NAME.c with such a table and a line in the list of kind.c. */
#ifndef CHECKPOINT_KIND_H
#define CHECKPOINT_KIND_H

#include "leaf.h"
#include "settings.h"

/** A class of openretina, by the last part of its name. Classes of one kind may differ in their
 * defaults. */
typedef struct ins_peer_class {
  const char *name;
  const ins_setting *settings; /* ended by a NULL name; their order is that of the architecture */
  const char *const *unused;   /* arguments that only matter in training, ended by NULL */
} ins_peer_class;

/** Arguments of every readout that play no part in a trained model. */
#define INS_READOUT_UNUSED                                                                         \
  "in_shape", "outdims", "n_neurons_dict", "mean_activity_dict", "mean_activity",                  \
      "readout_reg_avg", "base_readout", "clone_readout"

typedef struct ins_core_kind {
  const char *kind; /* in the architecture */
  const ins_peer_class
      *classes; /* ended by a NULL name; settings of the first are those of a job */
  const ins_leaf *const *leaves; /* below "core."; lists ended by a NULL name, the list by NULL */
  /** Refuses what entries of the whole state dict say against one another. NULL: nothing. */
  ins_status (*accept)(const char *file, const ins_value *state) INS_CHECKED;
  /** INS_ERR_SHAPE for settings that do not fit one another: what follows may compute with them. */
  ins_status (*check)(const char *file, const ins_value *architecture) INS_CHECKED;
  size_t (*n_layers)(const ins_value *architecture); /* layer0, layer1, ... of the state dict */
  size_t (*n_features)(const ins_value *architecture);
  /** Length of axis d (0 time, 1 height, 2 width) after the core; below 1 when nothing is left. */
  int64_t (*length)(const ins_value *architecture, int d, int64_t length);
  /** Sets the letters that its shapes use. */
  void (*dims)(const ins_value *architecture, size_t layer, ins_dims *out);
  /** What only the weights tell, once they are checked; may replace the architecture. NULL:
   * nothing.
   */
  ins_status (*finish)(const char *file, const ins_value *parameters,
                       ins_value **architecture) INS_CHECKED;
} ins_core_kind;

typedef struct ins_readout_kind {
  const char *kind;
  const ins_peer_class *classes;
  const ins_leaf *const *leaves; /* below "readout.SESSION."; of a single cell below nothing */
  bool single;                   /* a model of one cell, whose session is called `cell` */
  const char *neurons;           /* the leaf that tells the number of neurons, ... */
  int axis;                      /* ... on this axis */
  const char *map;               /* a leaf that tells the size of the feature map, or NULL, ... */
  int map_height, map_width;     /* ... on these axes, ... */
  int map_channels;              /* ... and its channels; -1: one, or as the core says */
  /** INS_ERR_UNSUPPORTED for settings without which the numbers would be others. NULL: none. */
  ins_status (*accept)(const ins_settings *s) INS_CHECKED;
  /** What shapes alone cannot say of the parameters below `prefix`. NULL: nothing. */
  ins_status (*check)(const char *file, const ins_value *architecture, const ins_value *state,
                      const char *prefix) INS_CHECKED;
  const char *centre; /* the leaf that options.center_readout sets, or NULL */
} ins_readout_kind;

/** The lists, ended by NULL. */
extern const ins_core_kind *const ins_core_kinds[];
extern const ins_readout_kind *const ins_readout_kinds[];

/** By the word of the architecture; NULL when there is none. */
const ins_core_kind *ins_core_kind_of(const ins_value *architecture);
const ins_readout_kind *ins_readout_kind_of(const ins_value *architecture);

/** The kind that `s` names by openretina's class or by our word, or, where it names none, the one
 * whose entries the state dict has; and the class. A MultiReadoutBase is what its base_readout is.
 * @return INS_OK; INS_ERR_UNSUPPORTED naming the class and listing what is known;
 *         INS_ERR_MISSING */
ins_status ins_core_kind_choose(const ins_settings *s, const ins_value *state,
                                const ins_core_kind **kind,
                                const ins_peer_class **class) INS_CHECKED;
ins_status ins_readout_kind_choose(const ins_settings *s, const ins_value *state,
                                   const ins_readout_kind **kind,
                                   const ins_peer_class **class) INS_CHECKED;

/** Neurons of the session in "readout.SESSION."; 1 for the empty prefix of a single cell. */
size_t ins_prefix_neurons(const ins_value *architecture, const char *prefix);

/** "cores are A, B; readouts are ...", for messages. */
const char *ins_kinds_known(char *out, size_t size);

#endif
