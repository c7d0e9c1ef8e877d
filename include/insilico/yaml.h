/* SPDX-License-Identifier: MIT */
/** YAML text -> ins_value tree with places.
 *
 * Scalars follow the core schema of YAML 1.2: 10, 0x1f, 1e-3, .inf, true, null; quoted text stays
 * text, and so does "0:50". Aliases are copied within a bound; tags and further documents are
 * refused.
 */
#ifndef INSILICO_YAML_H
#define INSILICO_YAML_H

#include "insilico/value.h"

/** Where keys of maps stand; a value only knows where it stands itself. Known by the item's
 * address. */
typedef struct ins_key_place {
  const ins_value *item;
  int line, column;
} ins_key_place;

typedef struct ins_key_places {
  ins_key_place *at;
  size_t n, capacity;
} ins_key_places;

enum { INS_YAML_MAX_BYTES = 16 << 20, INS_YAML_MAX_DEPTH = 64, INS_YAML_MAX_KEYS = 4096 };
enum { INS_YAML_MAX_NODES = 1 << 18 }; /* counts what aliases stand for */

/** Parses text[0..n), one document; an empty one is *out = NULL.
 * @param[in]     origin  of the values, for complaints; NULL: none
 * @param[in,out] keys    places of keys are added; NULL: values get no line and column either
 * @return INS_OK; INS_ERR_ARGUMENT (not YAML, or beyond the bounds above); INS_ERR_MEMORY */
ins_status ins_yaml_parse(const char *text, size_t n, const char *origin, ins_key_places *keys,
                          ins_value **out) INS_CHECKED;
/** The same for a file, which is the origin. INS_ERR_IO when it cannot be read. */
ins_status ins_yaml_read(const char *path, ins_key_places *keys, ins_value **out) INS_CHECKED;

/** A file that Python's PyYAML wrote: its tag !!python/tuple makes a list, other tags are refused.
 * Errors as above. */
ins_status ins_yaml_read_python(const char *path, ins_value **out) INS_CHECKED;

/** A plain (unquoted) scalar by the core schema. NULL when out of memory. */
ins_value *ins_yaml_scalar(const char *s, size_t n);
/** Offset of the first byte that is not UTF-8 text or is a control character, or n. */
size_t ins_yaml_first_bad_byte(const char *s, size_t n);

#endif
