/* SPDX-License-Identifier: MIT */
/* OmegaConf keeps a configuration as objects with a state {_metadata, _parent, _content or _val}: a
 * DictConfig's content is a dict, a ListConfig's a list, a leaf's value a plain one. Content that
 * is a text is an interpolation "${a.b}" or "???" (to be filled in). */
#include <string.h>

#include "values.h"

enum { MAX_PARENTS = 100, MAX_PATH = 400 };

static ins_node part(const ins_pickle *p, ins_node config, const char *name) {
  if (ins_pk_kind(p, config) != PK_CALL) return 0;
  return ins_pk_get(p, ins_pk(p, config)->call.state, name);
}

static ins_node content_of(const ins_pickle *p, ins_node config) {
  ins_node content = part(p, config, "_content");
  return content ? content : part(p, config, "_val");
}

static ins_node parent_of(const ins_pickle *p, ins_node config) {
  ins_node parent = part(p, config, "_parent");
  return ins_pk_kind(p, parent) == PK_CALL ? parent : 0;
}

/* The child `key` of a configuration: an entry, or an item by its number. */
static ins_node child(const ins_pickle *p, ins_node config, const char *key) {
  ins_node content = content_of(p, config);
  size_t i = 0;
  if (ins_pk_kind(p, content) == PK_DICT) return ins_pk_get(p, content, key);
  for (const char *digit = key; *digit; digit++) {
    if (*digit < '0' || *digit > '9' || i > 1 << 20) return 0;
    i = 10 * i + (size_t)(*digit - '0');
  }
  return *key ? ins_pk_item(p, content, i) : 0;
}

/* Where a path starts: "a.b" at the root, ".a" beside the node, "..a" one level further up. */
static ins_node start_of(const ins_pickle *p, ins_node node, const char **path) {
  int steps = MAX_PARENTS;
  bool relative = **path == '.';
  while (relative ? **path == '.' : steps > 0) {
    ins_node parent = parent_of(p, node);
    if (!parent) return relative ? 0 : node;
    node = parent;
    if (relative) ++*path;
    steps--;
  }
  return relative ? node : 0;
}

/* The node that "${path}" names; 0 for anything that is more than such a name. */
static ins_node target_of(const ins_pickle *p, ins_node node, const ins_pickle_node *text) {
  char path[MAX_PATH], *save = NULL;
  size_t n = text->text.n;
  if (n < 4 || n >= sizeof path || memcmp(text->text.bytes, "${", 2) != 0 ||
      text->text.bytes[n - 1] != '}')
    return 0;
  memcpy(path, text->text.bytes + 2, n - 3);
  path[n - 3] = '\0';
  if (strlen(path) != n - 3 || strpbrk(path, "${}:[] ")) return 0;
  const char *rest = path;
  node = start_of(p, node, &rest);
  for (char *key = strtok_r((char *)rest, ".", &save); node && key;
       key = strtok_r(NULL, ".", &save))
    node = child(p, node, key);
  return node;
}

ins_status ins_omegaconf_value(ins_torch_file *file, ins_node call, ins_value **out) {
  const ins_pickle *p = &file->pickle;
  ins_node state = ins_pk(p, call)->call.state, content = content_of(p, call);
  *out = NULL;
  if (ins_pk_kind(p, state) != PK_DICT || !content) return INS_OK;
  if (ins_pk_kind(p, content) == PK_TEXT) {
    ins_node target = target_of(p, call, ins_pk(p, content));
    if (target) return ins_torch_value(file, target, out);
  }
  return ins_torch_value(file, content, out);
}
