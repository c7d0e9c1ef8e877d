/* SPDX-License-Identifier: MIT */
/* Neurons whose measured numbers fulfil a condition, as the next job's `neurons:`. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app.h"
#include "insilico/log.h"
#include "insilico/memory.h"
#include "select_table.h"

typedef struct selection {
  const char *path;
  ins_neurons neurons;
  ins_expression *condition;
  size_t *row; /* [n] chosen rows of the table */
  size_t n, n_done;
  const double *number;            /* what each row's neuron is called */
  const ins_column *session_names; /* with --in-session */
} selection;

/* ---- choosing ---------------------------------------------------------------------------------
 */

static ins_status choose(selection *s) {
  ins_status status = ins_alloc(s->neurons.n, sizeof *s->row, &s->row);
  for (size_t i = 0; status == INS_OK && i < s->neurons.n; i++) {
    if (!s->neurons.done[i]) continue;
    s->n_done++;
    if (ins_expression_holds(s->condition, i)) s->row[s->n++] = i;
  }
  return status;
}

static const char *session_of(const selection *s, size_t row) {
  return s->session_names->texts[row];
}

/* Numbers within a session are only numbers of neurons when there is one session. */
static ins_status check_one_session(const selection *s) {
  for (size_t k = 1; k < s->n; k++) {
    const char *first = session_of(s, s->row[0]), *other = session_of(s, s->row[k]);
    if (strcmp(first, other) == 0) continue;
    return ins_fail(INS_ERR_ARGUMENT,
                    "--in-session: the neurons are of several sessions, such as %s and %s; choose "
                    "one: ... & session == '%s'",
                    first, other, first);
  }
  return INS_OK;
}

static ins_status load_named(selection *s, const char *name, const ins_column **out) {
  const ins_columns *columns = &s->neurons.columns;
  for (size_t i = 0; i < columns->n_names; i++)
    if (strcmp(columns->names[i], name) == 0) return columns->load(columns->self, i, out);
  return ins_fail(INS_ERR_MISSING, "%s: does not say which sessions its neurons are of: no `%s`",
                  s->path, name);
}

static ins_status number_in_session(selection *s) {
  const ins_column *numbers = NULL;
  ins_status status = load_named(s, "neuron_in_session", &numbers);
  if (status == INS_OK) status = load_named(s, "session", &s->session_names);
  if (status == INS_OK && (!numbers->numbers || !s->session_names->texts))
    status = ins_fail(INS_ERR_FORMAT, "%s: its sessions are of another kind than ours", s->path);
  for (size_t k = 0; status == INS_OK && k < s->n; k++) /* pending ones may have none */
    status = ins_neuron_check(s->path, "neuron_in_session", numbers->numbers[s->row[k]]);
  if (status == INS_OK) s->number = numbers->numbers;
  return status == INS_OK ? check_one_session(s) : status;
}

/* ---- telling ----------------------------------------------------------------------------------
 */

static long long called(const selection *s, size_t k) {
  return (long long)s->number[s->row[k]];
}

/* "3,17,20:25", as `neurons` of a job takes it: the end of a range is excluded. */
static void print_list(const selection *s) {
  for (size_t k = 0, next; k < s->n; k = next) {
    next = k + 1;
    while (next < s->n && called(s, next) == called(s, next - 1) + 1) next++;
    if (next - k < 3) next = k + 1;
    printf("%s%lld", k ? "," : "", called(s, k));
    if (next - k >= 3) printf(":%lld", called(s, next - 1) + 1);
  }
  printf("\n");
}

/* A cell of the table, in at most width letters (0: as it is); how many it takes. */
static int cell(const selection *s, size_t k, size_t row, int width, bool print) {
  char digits[40];
  const char *text = ins_expression_text(s->condition, k, row);
  if (!text) {
    double x = ins_expression_number(s->condition, k, row);
    snprintf(digits, sizeof digits, isnan(x) ? "nan" : "%.6g", x);
  }
  if (print) printf(text ? "  %-*s" : "  %*s", width, text ? text : digits);
  return (int)strlen(text ? text : digits);
}

static void print_table(const selection *s, bool in_session) {
  enum { MOST = 64 };
  const char *first = in_session ? "neuron_in_session" : "neuron";
  size_t column[MOST], n = 0; /* those that are not the first one again */
  int width[MOST];
  printf("%s", first);
  for (size_t k = 0; k < ins_expression_variables(s->condition) && n < MOST; k++) {
    const char *name = ins_expression_name(s->condition, k);
    if (strcmp(name, first) == 0) continue;
    bool text = s->n && ins_expression_text(s->condition, k, s->row[0]);
    width[n] = (int)strlen(name);
    for (size_t i = 0; i < s->n; i++) {
      int needed = cell(s, k, s->row[i], 0, false);
      if (needed > width[n]) width[n] = needed;
    }
    printf(text ? "  %-*s" : "  %*s", width[n], name);
    column[n++] = k;
  }
  printf("\n");
  for (size_t i = 0; i < s->n; i++) {
    printf("%*lld", (int)strlen(first), called(s, i));
    for (size_t k = 0; k < n; k++) cell(s, column[k], s->row[i], width[k], true);
    printf("\n");
  }
}

/* Missing numbers are null: JSON has no NaN. */
static ins_value *cell_value(const selection *s, size_t k, size_t row) {
  const char *text = ins_expression_text(s->condition, k, row);
  double x = ins_expression_number(s->condition, k, row);
  if (text) return ins_value_text(text);
  return isfinite(x) ? ins_value_real(x) : ins_value_null();
}

static ins_status values_of(const selection *s, ins_value *map) {
  ins_status status = INS_OK;
  for (size_t k = 0; status == INS_OK && k < ins_expression_variables(s->condition); k++) {
    ins_value *list = ins_value_list();
    status = list ? INS_OK : INS_ERR_MEMORY;
    for (size_t i = 0; status == INS_OK && i < s->n; i++)
      status = ins_list_take(list, cell_value(s, k, s->row[i]));
    if (status == INS_OK)
      status = ins_map_take(map, ins_expression_name(s->condition, k), list);
    else
      ins_value_destroy(&list);
  }
  return status;
}

static ins_status numbers_of(const selection *s, ins_value *list) {
  ins_status status = INS_OK;
  for (size_t k = 0; status == INS_OK && k < s->n; k++)
    status = ins_list_take(list, ins_value_int(called(s, k)));
  return status;
}

static ins_status print_json(const selection *s, const char *expression) {
  ins_value *map = ins_value_map(), *numbers = ins_value_list(), *values = ins_value_map();
  ins_text json = {0};
  ins_status status = map && numbers && values ? INS_OK : INS_ERR_MEMORY;
  if (status == INS_OK) status = numbers_of(s, numbers);
  if (status == INS_OK) status = values_of(s, values);
  if (status == INS_OK) {
    status = ins_map_take(map, "neurons", numbers);
    numbers = NULL;
  }
  if (status == INS_OK && s->session_names && s->n)
    status = ins_map_take(map, "session", ins_value_text(session_of(s, s->row[0])));
  if (status == INS_OK) status = ins_map_take(map, "n", ins_value_int((int64_t)s->n));
  if (status == INS_OK) status = ins_map_take(map, "of", ins_value_int((int64_t)s->n_done));
  if (status == INS_OK) status = ins_map_take(map, "expression", ins_value_text(expression));
  if (status == INS_OK) {
    status = ins_map_take(map, "values", values);
    values = NULL;
  }
  if (status == INS_OK) {
    ins_value_json(map, SIZE_MAX, &json);
    status = ins_text_ok(&json);
  }
  if (status == INS_OK) printf("%s\n", json.data);
  ins_text_free(&json);
  ins_value_destroy(&values);
  ins_value_destroy(&numbers);
  ins_value_destroy(&map);
  return status;
}

/* What a person should know beside the answer, which is for the next command. */
static void note(const selection *s, bool in_session) {
  const size_t n_left_out = s->neurons.n - s->n_done, n_failed = s->neurons.n_failed;
  if (n_left_out)
    ins_log(INS_LOG_WARNING, "%zu of %zu neurons are left out: %zu failed, %zu still pending",
            n_left_out, s->neurons.n, n_failed, n_left_out - n_failed);
  if (s->n == 0)
    ins_log(INS_LOG_WARNING, "none of %zu neurons fulfils the condition", s->n_done);
  else if (s->neurons.session && !in_session)
    ins_log(INS_LOG_INFO,
            "numbers are those of the whole model; for a job with `session: %s`, as the one of "
            "these results, add --in-session",
            s->neurons.session);
}

/* ---- the command ------------------------------------------------------------------------------
 */

static ins_status tell(const selection *s, const ins_arguments *arguments) {
  note(s, arguments->in_session);
  if (s->n == 0) ins_answer = 1; /* as grep says it */
  if (arguments->json) return print_json(s, arguments->words[1]);
  if (arguments->table)
    print_table(s, arguments->in_session);
  else if (s->n)
    print_list(s);
  return INS_OK;
}

ins_status ins_command_select(const ins_arguments *arguments) {
  selection s = {.path = arguments->words[0]};
  ins_status status = ins_neurons_open(s.path, &s.neurons);
  if (status == INS_OK)
    status = ins_expression_parse(arguments->words[1], &s.neurons.columns, &s.condition);
  if (status == INS_OK) status = choose(&s);
  if (status == INS_OK) {
    s.number = s.neurons.number;
    if (arguments->in_session) status = number_in_session(&s);
  }
  if (status == INS_OK) status = tell(&s, arguments);
  ins_free(&s.row);
  ins_expression_destroy(&s.condition);
  ins_neurons_close(&s.neurons);
  return status;
}
