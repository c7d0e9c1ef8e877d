/* SPDX-License-Identifier: MIT */
/** What a name stands for: which URL to ask, and where the file lies in the cache. Private to the
 * room. */
#ifndef INSILICO_FETCH_TARGET_H
#define INSILICO_FETCH_TARGET_H

#include "insilico/fetch.h"

/* The two places where openretina's models are. Mirrors take their place when INSILICO_HUB_URL (or
 * HF_ENDPOINT) or INSILICO_GIN_URL name them; the cache does not change by that. */
#define FETCH_HUB      "https://huggingface.co"
#define FETCH_HUB_REPO "open-retina/open-retina"
#define FETCH_GIN      "https://gin.g-node.org"

typedef struct fetch_target {
  char *url;   /* to ask, mirror applied */
  char *where; /* path below the cache, safe to join: openretina's own place for a file of its
                  repository, the last two parts for GIN, HOST/PATH for all others */
} fetch_target;

/** Target of an https, http or hf URL. */
ins_status fetch_target_create(const char *name, fetch_target *out) INS_CHECKED;
void fetch_target_clear(fetch_target *target);

/** The model with this name, or NULL. */
const ins_known_model *fetch_known_find(const char *name);

#endif
