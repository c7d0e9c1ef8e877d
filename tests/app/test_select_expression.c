/* SPDX-License-Identifier: MIT */
/* Conditions on the variables of neurons, over a table in memory. */
#include "app/select_expression.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cmocka_all.h"
#include "insilico/text.h"

/* Six neurons. The fourth was not measured, of the fifth dsi is not valid. */
enum { N = 6 };
static double dsi[N] = {0.9, 0.6, 0.3, NAN, 0.8, 0.5};
static double dsi_valid[N] = {1, 1, 1, 1, 0, 1};
static double dsi_q[N] = {0.001, 0.2, 0.002, NAN, 0.003, 0.009};
static double dsi_low[N] = {0.8, 0.1, 0.2, NAN, 0.7, 0.45};
static double osi[N] = {0.1, 0.2, 0.3, 0.4, 0.5, 0.6};
static double osi_valid[N] = {1, 1, 1, 1, 1, 1};
static double polarity[N] = {1, -1, 1, -1, 1, NAN};
static double neuron[N] = {0, 1, 2, 3, 4, 5};
static char left[] = "left", right[] = "right";
static char *session[N] = {left, left, left, right, right, right};

static const char *const names[] = {
    "neuron",    "session", "dsi",     "dsi_valid",     "dsi_q",    "osi",     "polarity",
    "osi_valid", "dsi_low", "damaged", "types.cluster", "types.sd", "light.sd"};
enum { N_NAMES = sizeof names / sizeof names[0] };
static const ins_column columns[] = {
    {INS_COLUMN_WHOLE, neuron, NULL},   {INS_COLUMN_TEXT, NULL, session},
    {INS_COLUMN_REAL, dsi, NULL},       {INS_COLUMN_WHOLE, dsi_valid, NULL},
    {INS_COLUMN_REAL, dsi_q, NULL},     {INS_COLUMN_REAL, osi, NULL},
    {INS_COLUMN_WHOLE, polarity, NULL}, {INS_COLUMN_WHOLE, osi_valid, NULL},
    {INS_COLUMN_REAL, dsi_low, NULL},   {INS_COLUMN_REAL, NULL, NULL},
    {INS_COLUMN_WHOLE, neuron, NULL},   {INS_COLUMN_REAL, osi, NULL},
    {INS_COLUMN_REAL, dsi, NULL}};

static ins_status load(void *self, size_t which, const ins_column **out) {
  (void)self;
  *out = &columns[which];
  if (strcmp(names[which], "damaged") == 0)
    return ins_fail(INS_ERR_FORMAT, "results.h5: damaged: damaged cannot be read");
  return INS_OK;
}
static const ins_columns table = {names, N_NAMES, load, NULL};

/* Rows that fulfil the condition, as digits. */
static void expect(const char *condition, const char *rows) {
  ins_expression *e;
  char found[N + 1] = "";
  if (ins_expression_parse(condition, &table, &e) != INS_OK)
    fail_msg("%s: %s", condition, ins_message());
  for (size_t i = 0; i < N; i++)
    if (ins_expression_holds(e, i)) strcat(found, (char[]){(char)('0' + i), '\0'});
  if (strcmp(found, rows) != 0) fail_msg("%s: rows %s instead of %s", condition, found, rows);
  ins_expression_destroy(&e);
  assert_null(e);
}

static void comparisons_choose_rows(void **state) {
  (void)state;
  expect("neuron < 2", "01");
  expect("neuron <= 2", "012");
  expect("neuron > 4", "5");
  expect("neuron >= 4", "45");
  expect("neuron == 3", "3");
  expect("neuron != 3", "01245");
  expect("2 > neuron", "01");
  expect("osi < 1e-1 + .15", "01");
  expect("  neuron==3  ", "3");
}

static void missing_numbers_fulfil_no_comparison(void **state) {
  (void)state;
  expect("dsi > 0", "0125");
  expect("dsi <= 0.5", "25");
  expect("dsi == dsi", "0125");
  expect("dsi != 0.3", "015"); /* not as in C, where NaN != 0.3 */
  expect("dsi * 0 != 1", "0125");
  expect("!(dsi > 0.5)", "2345"); /* as in pandas: the comparison is false, so this is true */
  expect("polarity != 1", "13");
  expect("0 / 0 == 0 / 0", "");
  expect("1 / 0 > osi", "012345");
}

static void what_is_not_valid_is_missing(void **state) {
  (void)state;
  expect("dsi > 0.7", "0");
  expect("dsi_low > 0.6", "04"); /* the flag is that of dsi alone */
  expect("dsi_valid == 0", "4");
  expect("!dsi_valid", "4");
}

static void precedence_is_that_of_pandas(void **state) {
  (void)state;
  expect("neuron == 0 | neuron == 1 & neuron == 2", "0");
  expect("(neuron == 0 | neuron == 1) & neuron == 2", "");
  expect("neuron == 2 & neuron == 1 | neuron == 0", "0");
  expect("!neuron == 2", "01345");
  expect("not neuron == 2 & neuron < 4", "013");
  expect("not (neuron == 2 & neuron < 4)", "01345");
  expect("neuron + 2 * 2 == 5", "1");
  expect("(neuron + 2) * 2 == 6", "1");
  expect("neuron - 1 - 1 == 2", "4");
  expect("8 / 2 / 2 == neuron", "2");
  expect("-neuron + 3 == 1", "2");
  expect("- -neuron == 2", "2");
  expect("2 * -neuron == -4", "2");
  expect("+neuron == +2", "2");
  expect("abs(neuron - 3) <= 1", "234");
  expect("abs(-abs(neuron)) == 2", "2");
}

static void joints_have_three_spellings(void **state) {
  (void)state;
  expect("neuron > 1 & neuron < 4", "23");
  expect("neuron > 1 && neuron < 4", "23");
  expect("neuron > 1 and neuron < 4", "23");
  expect("neuron < 1 | neuron > 4", "05");
  expect("neuron < 1 || neuron > 4", "05");
  expect("neuron < 1 or neuron > 4", "05");
  expect("!(neuron < 4)", "45");
  expect("~(neuron < 4)", "45");
  expect("not(neuron < 4)", "45");
  expect("neuron>1&neuron<4", "23");
}

static void comparisons_chain(void **state) {
  (void)state;
  expect("1 < neuron < 4", "23");
  expect("1 < neuron < 4 < 3", "");
  expect("4 > neuron >= 2 & osi > 0.35", "3");
}

static void texts_are_equal_or_not(void **state) {
  (void)state;
  expect("session == 'left'", "012");
  expect("session != \"left\"", "345");
  expect("'right' == session & neuron > 3", "45");
  expect("session == 'lef'", "");
  expect("session == session", "012345");
}

static void whole_numbers_are_conditions(void **state) {
  (void)state;
  expect("dsi_valid & neuron > 2", "35");
  expect("polarity", "01234"); /* a missing one is not true */
  expect("osi_valid", "012345");
}

static void companions_are_those_of_the_index_named_last(void **state) {
  (void)state;
  expect("dsi > 0.5 & q < 0.01", "0");
  expect("dsi > 0.2 & q < 0.01 & low > 0.3", "05");
  expect("dsi_low > 0.15 & q < 0.01", "0245");
  expect("dsi > 0.2 & session == 'right' & q < 0.01", "5"); /* a text is no index */
  expect("dsi > 0.2 & neuron < 3 & q < 0.01", "02");
  expect("osi > 0.35 & valid", "345");
  expect("osi > 0.35 & dsi > 0.2 & valid", "5");
}

static void variables_are_told_in_their_order(void **state) {
  (void)state;
  ins_expression *e;
  assert_int_equal(
      ins_expression_parse("osi > 0 & dsi > 0.1 & q < 1 & osi < 2 & session == 'left'", &table, &e),
      INS_OK);
  assert_int_equal(ins_expression_variables(e), 4);
  assert_string_equal(ins_expression_name(e, 0), "osi");
  assert_string_equal(ins_expression_name(e, 1), "dsi");
  assert_string_equal(ins_expression_name(e, 2), "dsi_q");
  assert_string_equal(ins_expression_name(e, 3), "session");
  assert_true(ins_expression_number(e, 1, 0) == 0.9);
  assert_true(isnan(ins_expression_number(e, 1, 4)));
  assert_null(ins_expression_text(e, 1, 0));
  assert_string_equal(ins_expression_text(e, 3, 5), "right");
  ins_expression_destroy(&e);
}

static const struct refusal {
  const char *condition, *message;
} refusals[] = {
    {"", "the condition is empty; write one such as dsi > 0.5"},
    {"   ", "the condition is empty"},
    {"dsi > ", "expected a number, a variable or '(' at the end of 'dsi > '"},
    {"dsi >> 0.5", "expected a number, a variable or '(', found '>', at character 6 of"},
    {"dsi > 0.5 &", "at the end of"},
    {"& dsi > 0.5", "found '&', at character 1"},
    {"(dsi > 0.5", "expected ')' at the end"},
    {"dsi > 0.5)", "expected a comparison, & or |, found ')', at character 10"},
    {"dsi > 0.5 osi < 1", "expected a comparison, & or |, found 'o', at character 11"},
    {"dsi = 0.5", "a comparison for equality is written ==, at character 5"},
    {"dsi > 0.5x", "this is no number, at character 7"},
    {"dsi > 0.5.1", "this is no number, at character 7"},
    {"dsi > 1e", "this is no number"},
    {"dsi > .", "this is no number"},
    {"session == 'left", "the closing quote is missing, at character 12"},
    {"dsi", "a number is no condition; compare it, as in dsi > 0.5, at character 1 of 'dsi'"},
    {"0.5", "a number is no condition"},
    {"dsi & osi > 1", "a number is no condition"},
    {"neuron > 1 & osi", "a number is no condition; compare it, as in dsi > 0.5, at character 14"},
    {"neuron + 1", "a number is no condition"},
    {"!osi", "a number is no condition"},
    {"session", "a text is no condition; compare it by == or !="},
    {"'left'", "a text is no condition"},
    {"session > 'left'", "texts are only compared by == and !=, at character 11"},
    {"session == 3", "write it in quotes, at character 12"},
    {"session == dsi", "a text is no number; it can only be compared by == and !="},
    {"session == left", "there is no variable 'left' over the neurons"},
    {"session + 1 > 2", "a text is no number"},
    {"abs(session) > 2", "a text is no number"},
    {"-session > 2", "a text is no number"},
    {"(dsi > 1) + 1 > 2", "a comparison is no number; join comparisons by &, | and !"},
    {"(dsi > 1) == (osi > 1)", "a comparison is no number"},
    {"abs(dsi > 1) > 0", "a comparison is no number"},
    {"abs dsi > 1", "there is no variable 'abs'"},
    {"abs(dsi > 1", "expected ')' at the end"},
    {"dssi > 0.5", "there is no variable 'dssi' over the neurons; did you mean 'dsi'?"},
    {"cluster == 0", "did you mean types.cluster instead of 'cluster'?"},
    {"dsi > 0.5 & sd > 1", "did you mean one of types.sd, light.sd instead of 'sd'?"},
    {"types.clusterr == 0", "did you mean 'types.cluster'?"},
    {"preferred_size_um > 1", "there is neuron, session, dsi, dsi_valid, dsi_q, osi, polarity"},
    {"q < 0.01", "'q' alone is that of the index named before it, and none is; write its whole "
                 "name: dsi_q"},
    {"session == 'left' & low > 1", "write its whole name: dsi_low"},
    {"neuron > 1 & high > 1", "'high' alone is that of the index named before it"},
    {"osi > 0.5 & q < 0.01", "'q' is that of osi, which is named before it, but there is no osi_q; "
                             "there is osi_valid"},
    {"dsi > 0.5 & p < 0.01", "there is no dsi_p; there is dsi_valid, dsi_q, dsi_low"},
    {"dsi > 0.5 and", "at the end of"},
    {"dsi > 0.5 § osi", "this letter belongs into quotes, at character 11"},
    {"dsi != != 1", "found '!'"},
    {"!= 1", "found '!'"},
    {"dsi > 1 # 2", "found '#'"},
};

static void what_is_wrong_is_named_with_its_place(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
    ins_expression *e = (ins_expression *)&e;
    ins_message_clear();
    ins_status status = ins_expression_parse(refusals[i].condition, &table, &e);
    if (status != INS_ERR_ARGUMENT)
      fail_msg("'%s': %s", refusals[i].condition, ins_status_name(status));
    if (!strstr(ins_message(), refusals[i].message))
      fail_msg("'%s' does not say '%s'", ins_message(), refusals[i].message);
    assert_null(e);
  }
}

static void a_variable_that_cannot_be_read_is_no_wrong_condition(void **state) {
  (void)state;
  ins_expression *e;
  assert_int_equal(ins_expression_parse("neuron > 1 & damaged > 1", &table, &e), INS_ERR_FORMAT);
  assert_non_null(strstr(ins_message(), "results.h5"));
  assert_null(e);
}

static void depth_and_length_are_bounded(void **state) {
  (void)state;
  static const char *const pieces[] = {"(", "!", "-", "abs(", "neuron > 1 & ", "1 + ", "1 < "};
  for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
    ins_text text = {0};
    ins_expression *e;
    for (int k = 0; k < 100000; k++) ins_text_add(&text, "%s", pieces[i]);
    assert_int_equal(ins_expression_parse(text.data, &table, &e), INS_ERR_ARGUMENT);
    assert_non_null(strstr(ins_message(), i < 4 ? "nested too deep" : "too long"));
    ins_text_free(&text);
  }
}

static void damaged_conditions_never_crash(void **state) {
  (void)state;
  static const char *const pieces[] = {"dsi",   "q",     "osi",  "neuron", "session", "'left'",
                                       "0.5",   " > ",   " < ",  " == ",   " & ",     " | ",
                                       "!",     "(",     ")",    "abs(",   "-",       " + ",
                                       " not ", " and ", "=",    "'",      "1e",      ".",
                                       " ",     "low",   " != ", "/",      "\xff",    "polarity"};
  uint32_t seed = 5;
  size_t good = 0;
  for (int round = 0; round < 200000; round++) {
    char text[128] = "";
    ins_expression *e;
    seed = seed * 1664525u + 1013904223u;
    for (uint32_t k = 0, n = 1 + (seed >> 28) % 9; k < n; k++) {
      seed = seed * 1664525u + 1013904223u;
      strcat(text, pieces[(seed >> 16) % (sizeof pieces / sizeof *pieces)]);
    }
    ins_message_clear();
    ins_status status = ins_expression_parse(text, &table, &e);
    assert_true(status == INS_OK || (status == INS_ERR_ARGUMENT && ins_message()[0] && !e));
    for (size_t i = 0; status == INS_OK && i < N; i++) good += ins_expression_holds(e, i);
    ins_expression_destroy(&e);
  }
  assert_true(good > 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(comparisons_choose_rows),
      cmocka_unit_test(missing_numbers_fulfil_no_comparison),
      cmocka_unit_test(what_is_not_valid_is_missing),
      cmocka_unit_test(precedence_is_that_of_pandas),
      cmocka_unit_test(joints_have_three_spellings),
      cmocka_unit_test(comparisons_chain),
      cmocka_unit_test(texts_are_equal_or_not),
      cmocka_unit_test(whole_numbers_are_conditions),
      cmocka_unit_test(companions_are_those_of_the_index_named_last),
      cmocka_unit_test(variables_are_told_in_their_order),
      cmocka_unit_test(what_is_wrong_is_named_with_its_place),
      cmocka_unit_test(a_variable_that_cannot_be_read_is_no_wrong_condition),
      cmocka_unit_test(depth_and_length_are_bounded),
      cmocka_unit_test(damaged_conditions_never_crash),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
