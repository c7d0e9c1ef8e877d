/* SPDX-License-Identifier: MIT */
#include "insilico/fault.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NAME(name, what) name,
static const char *const names[] = {INS_FAULT_SITES(NAME)};
#undef NAME
enum { N_SITES = sizeof names / sizeof names[0], MAX_RULES = 16, ANY = -1 };

typedef enum action { FAIL, KILL, STOP } action;
static const char *const actions[] = {"fail", "kill", "stop"};

typedef struct rule {
  int site, rank; /* rank: ANY or a number */
  long number;    /* ANY or a number */
  bool onwards;
  action action;
  atomic_bool spent;
} rule;

/* No allocation: faults of allocations are tested too. */
static rule rules[MAX_RULES];
static int n_rules;
static atomic_long passed[N_SITES];
static int this_rank;

/* UNREAD only where nobody called ins_fault_check, as in tests of single rooms. */
static atomic_int state;
enum { UNREAD, OFF, ON };

/* ---- reading the variable -------------------------------------------------------------------- */

static ins_status wrong(const char *word, size_t n, const char *why) {
  return ins_fail(INS_ERR_ARGUMENT,
                  "INS_FAULT '%.*s': %s; it is SITE[:NUMBER][+][@RANK][=fail|kill|stop], or unset",
                  (int)n, word, why);
}

static ins_status wrong_site(const char *word, size_t n) {
  char known[640] = "";
  size_t length = 0;
  for (int i = 0; i < N_SITES && length < sizeof known; i++)
    length +=
        (size_t)snprintf(known + length, sizeof known - length, "%s%s", i ? ", " : "", names[i]);
  return ins_fail(INS_ERR_ARGUMENT, "INS_FAULT '%.*s': there is no such site; sites are %s", (int)n,
                  word, known);
}

/* Index of the text at `word`, n bytes, in a list; -1: not there. */
static int find(const char *const *list, int length, const char *word, size_t n) {
  for (int i = 0; i < length; i++)
    if (strlen(list[i]) == n && strncmp(list[i], word, n) == 0) return i;
  return -1;
}

/* Digits after a mark; *end behind them. strtol alone would take signs and spaces. */
static bool read_number(const char *digits, long *out, const char **end) {
  if (*digits < '0' || *digits > '9') return false;
  char *rest;
  *out = strtol(digits, &rest, 10);
  *end = rest;
  return rest - digits < 10;
}

/* One word of n bytes. */
static ins_status read_rule(const char *word, size_t n, rule *out) {
  const char *end = word + n, *at = word + strcspn(word, ":+@= ,");
  long rank = ANY;
  *out = (rule){.number = ANY, .site = find(names, N_SITES, word, (size_t)(at - word))};
  if (out->site < 0) return wrong_site(word, n);
  if (*at == ':' && !read_number(at + 1, &out->number, &at))
    return wrong(word, n, "no number of a task or pass behind ':'");
  if (*at == '+') out->onwards = true, at++;
  if (*at == '@' && !read_number(at + 1, &rank, &at))
    return wrong(word, n, "no number of a rank behind '@'");
  if (*at == '=') {
    int which = find(actions, 3, at + 1, (size_t)(end - at - 1));
    if (which < 0) return wrong(word, n, "no such action");
    out->action = (action)which;
    at = end;
  }
  out->rank = (int)rank;
  return at == end ? INS_OK : wrong(word, n, "it goes on where it should end");
}

static ins_status read_rules(void) {
  const char *word = getenv("INS_FAULT");
  n_rules = 0;
  for (int i = 0; i < N_SITES; i++) passed[i] = 0;
  while (word && *(word += strspn(word, " ,"))) {
    size_t n = strcspn(word, " ,");
    if (n_rules == MAX_RULES) return wrong(word, n, "these are too many at once");
    ins_status status = read_rule(word, n, &rules[n_rules]);
    if (status != INS_OK) {
      n_rules = 0;
      return status;
    }
    n_rules++;
    word += n;
  }
  return INS_OK;
}

ins_status ins_fault_check(void) {
  ins_status status = read_rules();
  state = n_rules ? ON : OFF;
  return status;
}

void ins_fault_set_rank(int rank) {
  this_rank = rank;
}

/* ---- at a site ------------------------------------------------------------------------------- */

static bool applies(rule *r, int site, long number) {
  if (r->site != site || (r->rank != ANY && r->rank != this_rank)) return false;
  if (r->number != ANY && (r->onwards ? number < r->number : number != r->number)) return false;
  return r->onwards || !atomic_exchange(&r->spent, true);
}

/* Apart from ins_fault, so that a site without the variable is a call and a comparison. */
static __attribute__((noinline)) bool happens(const char *name, long number) {
  if (state == UNREAD && ins_fault_check() != INS_OK) return false;
  int site = find(names, N_SITES, name, strlen(name));
  if (state != ON || site < 0) return false;
  if (number < 0) number = ++passed[site];
  bool fails = false;
  for (int i = 0; i < n_rules; i++) {
    if (!applies(&rules[i], site, number)) continue;
    if (rules[i].action == FAIL)
      fails = true;
    else
      kill(getpid(), rules[i].action == KILL ? SIGKILL : SIGSTOP);
  }
  return fails;
}

bool ins_fault(const char *site, long number) {
  return atomic_load_explicit(&state, memory_order_relaxed) != OFF && happens(site, number);
}
