/* SPDX-License-Identifier: MIT */
/** A pickle as a graph of inert nodes.
 *
 * Python's pickle is a program for a small stack machine that may import any module and call
 * anything in it. This machine runs the same program and only takes notes: a name it would import
 * becomes a GLOBAL node, a call it would make a CALL node. Protocols 0 to 5. Nodes refer to one
 * another by number and may form cycles (OmegaConf's `_parent`) and share children. Local.
 */
#ifndef CHECKPOINT_PICKLE_H
#define CHECKPOINT_PICKLE_H

#include <stdint.h>

#include "insilico/status.h"

typedef uint32_t ins_node; /* 0: no node */

typedef enum ins_node_kind {
  PK_NONE,
  PK_BOOL,
  PK_INT,
  PK_REAL,
  PK_TEXT,
  PK_BYTES,
  PK_BIG_INT, /* more than 64 bits; `text` holds its little-endian bytes or its digits */
  PK_LIST,
  PK_TUPLE,
  PK_SET,
  PK_DICT, /* items: key, value, key, value, ... */
  PK_GLOBAL,
  PK_CALL,
  PK_PERSISTENT
} ins_node_kind;

typedef struct ins_pickle_node {
  uint8_t kind;
  bool visiting; /* for walks over the graph: set while the walk is inside this node */
  uint32_t at;   /* the byte of the pickle whose instruction made it */
  union {
    bool boolean;
    int64_t integer;
    double real;
    struct {
      const char *bytes; /* not NUL-terminated */
      size_t n;
    } text;
    struct {
      ins_node *items;
      size_t n, capacity;
    } list;
    struct {
      ins_node module, name; /* TEXT nodes */
    } global;
    struct {
      ins_node callable, args;    /* what would be called, with which tuple */
      ins_node state, list, dict; /* given to it afterwards; each 0 when there was none */
    } call;
    ins_node persistent; /* the tuple that names a storage */
  };
} ins_pickle_node;

typedef struct ins_pickle {
  ins_pickle_node *nodes; /* nodes[0] is PK_NONE and stands for "none there" */
  size_t n, capacity;
  ins_node root;
  char **texts; /* texts that had to be decoded */
  size_t n_texts, texts_capacity;
  size_t spent; /* memory it takes, counted generously */
} ins_pickle;

/** How to read, and how far it went. */
typedef struct ins_pickle_run {
  size_t most_bytes; /* of memory for the graph */
  bool tolerant; /* where Python would do something that no data need (call what another call gave,
                    change a class), go on: for looking at what a pickle does */
  size_t end;    /* out: bytes that were read; on success the next pickle may follow there */
  bool starved;  /* out: it failed for want of bytes after bytes[n) */
  size_t odd_at; /* out: the first byte where `tolerant` was needed, or SIZE_MAX */
} ins_pickle_run;

/** Runs the pickle in bytes[0..n) and leaves its graph in *out, whose texts point into `bytes`,
 * which must outlive it. `where` names the place in messages.
 * Memory is bounded by 256 MB and 64 times n.
 * @return INS_OK; INS_ERR_FORMAT (damaged, naming the byte; too large); INS_ERR_MEMORY.
 * On failure *out is empty. */
ins_status ins_pickle_read(const unsigned char *bytes, size_t n, const char *where,
                           ins_pickle *out) INS_CHECKED;
/** The same with `run`. Unlike there, on failure *out holds what had been made before, without a
 * root; free it in any case. */
ins_status ins_pickle_read_some(const unsigned char *bytes, size_t n, const char *where,
                                ins_pickle_run *run, ins_pickle *out) INS_CHECKED;
void ins_pickle_free(ins_pickle *pickle);

/* ---- looking at nodes: all accept node 0 ----------------------------------------------------- */
static inline ins_pickle_node *ins_pk(const ins_pickle *pickle, ins_node node) {
  return &pickle->nodes[node];
}
ins_node_kind ins_pk_kind(const ins_pickle *pickle, ins_node node);
/** Child i of a list, tuple or set; 0 when there is none. */
ins_node ins_pk_item(const ins_pickle *pickle, ins_node node, size_t i);
size_t ins_pk_count(const ins_pickle *pickle, ins_node node);
/** The value of a text key in a dict or in an object that was filled like one; 0 when it has none.
 */
ins_node ins_pk_get(const ins_pickle *pickle, ins_node node, const char *key);
bool ins_pk_text_is(const ins_pickle *pickle, ins_node node, const char *text);
/** Whether a GLOBAL has this module and name. */
bool ins_pk_global_is(const ins_pickle *pickle, ins_node node, const char *module,
                      const char *name);
/** Whether a node is a call of (or an instance of) module.name. */
bool ins_pk_call_is(const ins_pickle *pickle, ins_node node, const char *module, const char *name);
/** "module.name" of a GLOBAL, or of what a CALL calls, for messages; returns out. */
char *ins_pk_name(const ins_pickle *pickle, ins_node node, char *out, size_t size);
/** A non-negative INT that fits size_t. */
bool ins_pk_size(const ins_pickle *pickle, ins_node node, size_t *out);

#endif
