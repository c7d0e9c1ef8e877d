/* SPDX-License-Identifier: MIT */
#include "insilico/yaml.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "insilico/memory.h"

#include "cmocka_all.h"

static ins_value *parse(const char *text, ins_key_places *keys) {
  ins_value *value;
  ins_status status = ins_yaml_parse(text, strlen(text), "job.yaml", keys, &value);
  if (status != INS_OK) print_error("%s\n", ins_message());
  assert_int_equal(status, INS_OK);
  return value;
}

static void expect_json(const char *text, const char *expected) {
  ins_text json = {0};
  ins_value *value = parse(text, NULL);
  ins_value_json(value, 100, &json);
  assert_string_equal(json.data, expected);
  ins_text_free(&json);
  ins_value_destroy(&value);
}

static void scalars_follow_the_core_schema(void **state) {
  (void)state;
  expect_json("[1, -2, +3, 007, 0x1F, 0o17, 0x, 0b1]", "[1,-2,3,7,31,15,\"0x\",\"0b1\"]");
  expect_json("[1.5, .5, 5., 1e30, -1.5E-3, 1e, ., e1]",
              "[1.5,0.5,5.0,1e+30,-0.0015,\"1e\",\".\",\"e1\"]");
  expect_json("[.inf, -.Inf, +.INF, .nan, inf, nan]",
              "[\"Infinity\",\"-Infinity\",\"Infinity\",\"NaN\",\"inf\",\"nan\"]");
  expect_json("[true, True, FALSE, yes, on, tRUE]", "[true,true,false,\"yes\",\"on\",\"tRUE\"]");
  expect_json("[null, Null, ~, '', nil]", "[null,null,null,\"\",\"nil\"]");
  expect_json("{a: , b: ''}", "{\"a\":null,\"b\":\"\"}");
  expect_json("['1', \"true\", 'null', \"1.5\"]", "[\"1\",\"true\",\"null\",\"1.5\"]");
  expect_json("[0:50, 12:30:45, 2024-01-01, 1_000]",
              "[\"0:50\",\"12:30:45\",\"2024-01-01\",\"1_000\"]");
  expect_json("[9223372036854775807, -9223372036854775808, 9223372036854775808]",
              "[9223372036854775807,-9223372036854775808,9.223372036854776e+18]");
  expect_json("a: |\n  1\n  2\nb: >\n  x\n  y\n", "{\"a\":\"1\\n2\\n\",\"b\":\"x y\\n\"}");
}

static void values_and_keys_know_where_they_stand(void **state) {
  (void)state;
  ins_key_places keys = {0};
  ins_value *tree = parse("a: 1\nb:\n  - {c: 2,  dd:  [3]}\ne:\n", &keys);
  static const struct {
    const char *path;
    int line, column;
  } expected[] = {{"a", 1, 4},       {"b", 3, 3},         {"b.0", 3, 5}, {"b.0.c", 3, 9},
                  {"b.0.dd", 3, 18}, {"b.0.dd.0", 3, 19}, {"e", 4, 1}};
  for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
    const ins_value *value = ins_value_at(tree, expected[i].path);
    assert_non_null(value);
    assert_int_equal(value->line, expected[i].line);
    assert_int_equal(value->column, expected[i].column);
    assert_string_equal(value->origin, "job.yaml");
  }
  assert_int_equal(keys.n, 5);
  const ins_value *dd = ins_value_at(tree, "b.0.dd");
  for (size_t i = 0; i < keys.n; i++) {
    if (keys.at[i].item != dd) continue;
    assert_int_equal(keys.at[i].line, 3);
    assert_int_equal(keys.at[i].column, 13);
  }
  ins_value_destroy(&tree);
  ins_free(&keys.at);
}

static void aliases_are_copies(void **state) {
  (void)state;
  expect_json("a: &x {k: 1}\nb: [*x, *x]\nc: &x 2\nd: *x\n",
              "{\"a\":{\"k\":1},\"b\":[{\"k\":1},{\"k\":1}],\"c\":2,\"d\":2}");
}

static void refuse(const char *text, size_t n, const char *message) {
  ins_key_places keys = {0};
  ins_value *value = (ins_value *)&keys;
  assert_int_equal(ins_yaml_parse(text, n, "job.yaml", &keys, &value), INS_ERR_ARGUMENT);
  if (!strstr(ins_message(), message)) fail_msg("'%s' does not say '%s'", ins_message(), message);
  assert_null(value);
  ins_free(&keys.at);
}

static void aliases_do_not_explode(void **state) {
  (void)state;
  ins_text text = {0};
  ins_text_add(&text, "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
  for (int i = 1; i < 30; i++)
    ins_text_add(&text, "a%d: &a%d [*a%d, *a%d, *a%d, *a%d, *a%d]\n", i, i, i - 1, i - 1, i - 1,
                 i - 1, i - 1);
  refuse(text.data, text.length, "aliases (*) counted in full");
  ins_text_free(&text);
  ins_text_add(&text, "a0: &a0 [x]\n");
  for (int i = 1; i < 100; i++) ins_text_add(&text, "a%d: &a%d [*a%d]\n", i, i, i - 1);
  refuse(text.data, text.length, "nested more than 64 deep");
  ins_text_free(&text);
  refuse("a: &x [*x]\n", 11, "job.yaml:1:9: '*x' names no anchor '&x' before it");
}

static void nesting_is_bounded(void **state) {
  (void)state;
  char text[200000];
  memset(text, '[', sizeof text);
  refuse(text, sizeof text, "nested more than 64 deep");
  memset(text, '[', 60);
  memset(text + 60, ']', 60);
  ins_value *value;
  assert_int_equal(ins_yaml_parse(text, 120, NULL, NULL, &value), INS_OK);
  ins_value_destroy(&value);
}

static void huge_maps_and_lists_are_bounded(void **state) {
  (void)state;
  ins_text text = {0};
  for (int i = 0; i <= INS_YAML_MAX_KEYS; i++) ins_text_add(&text, "k%d: 1\n", i);
  refuse(text.data, text.length, "more than 4096 keys in one map");
  ins_text_free(&text);
  ins_text_add(&text, "[");
  for (int i = 0; i <= INS_YAML_MAX_NODES; i++) ins_text_add_bytes(&text, "1,", 2);
  ins_text_add(&text, "]");
  refuse(text.data, text.length, "more than 262144 values");
  ins_text_free(&text);
}

/* What JSON we write reads back, also with long lines and characters beyond ASCII. */
static void json_is_yaml(void **state) {
  (void)state;
  ins_text json = {0}, again = {0};
  ins_value *tree = ins_value_map(), *list = ins_value_list(), *back;
  for (int i = 0; i < 20000; i++) assert_int_equal(ins_list_take(list, ins_value_int(i)), INS_OK);
  assert_int_equal(ins_map_take(tree, "numbers", list), INS_OK);
  assert_int_equal(ins_map_take(tree, "text", ins_value_text("a: \"b\"\\\t\x01 \x7f é 𝄞 # - *")),
                   INS_OK);
  assert_int_equal(ins_map_take(tree, "x", ins_value_real(0.1 + 0.2)), INS_OK);
  assert_int_equal(ins_map_take(tree, "n", ins_value_null()), INS_OK);
  ins_value_json(tree, 100, &json);
  assert_int_equal(ins_yaml_parse(json.data, json.length, NULL, NULL, &back), INS_OK);
  assert_true(ins_value_equal(tree, back));
  ins_value_json(back, 100, &again);
  assert_string_equal(json.data, again.data);
  ins_text_free(&json);
  ins_text_free(&again);
  ins_value_destroy(&tree);
  ins_value_destroy(&back);
}

static void a_byte_order_mark_and_line_ends_do_not_matter(void **state) {
  (void)state;
  expect_json("\xef\xbb\xbf"
              "a: 1\r\nb: [1,\r\n  2]\r\n",
              "{\"a\":1,\"b\":[1,2]}");
}

static void what_is_no_text_is_refused_with_its_place(void **state) {
  (void)state;
  refuse("a: 1\nb: \xff\n", 10, "job.yaml:2:4: byte 0xff is no text; save the file as UTF-8");
  refuse("a: \xc0\x80\n", 6, "byte 0xc0");
  refuse("a: \xed\xa0\x80\n", 7, "byte 0xed");
  refuse("a: \xf4\x90\x80\x80\n", 8, "byte 0xf4");
  refuse("a: \xe2\x82", 5, "byte 0xe2");
  refuse("a: b\0c\n", 7, "byte 0x00");
  refuse("%YAML 2.2\n---\na: 1\n", 19, "not valid YAML 1.1 or 1.2");
  refuse("a: \"b\\0c\"\n", 10, "remove '\\0'");
}

static void nothing_is_nothing(void **state) {
  (void)state;
  assert_null(parse("", NULL));
  assert_null(parse("# only a comment\n\n", NULL));
  expect_json("--- {a: 1}\n...\n", "{\"a\":1}");
}

/* Cutting or changing bytes of a job gives a tree or one message, never a crash. */
static void damaged_text_never_crashes(void **state) {
  (void)state;
  static const char text[] =
      "a: &x [1, 'two', \"th\\u0072ee\", {k: v, *x : 2}]\nb:\n  - |\n    block\n  - >-\n    fold\n"
      "? key\n: !!str value\nc: *x # comment\n%d: 1\n---\n...\n";
  static const char bytes[] = "[]{},:&*#?|>-!%@`'\"\\\n\t \xff"
                              "0a";
  uint32_t seed = 1;
  for (int round = 0; round < 20000; round++) {
    char copy[sizeof text];
    ins_value *value;
    memcpy(copy, text, sizeof text);
    for (int k = 0; k < 1 + round % 4; k++) {
      seed = seed * 1664525u + 1013904223u;
      copy[(seed >> 8) % (sizeof text - 1)] = bytes[(seed >> 24) % (sizeof bytes - 1)];
    }
    size_t n = round % 3 ? sizeof text - 1 : (seed >> 4) % sizeof text;
    ins_message_clear();
    ins_status status = ins_yaml_parse(copy, n, "job.yaml", NULL, &value);
    assert_true(status == INS_OK || (status == INS_ERR_ARGUMENT && ins_message()[0]));
    assert_true(status == INS_OK || !value);
    ins_value_destroy(&value);
  }
}

static void files_that_cannot_be_read_are_named(void **state) {
  (void)state;
  ins_value *value;
  assert_int_equal(ins_yaml_read("no/such/job.yaml", NULL, &value), INS_ERR_IO);
  assert_string_equal(ins_message(), "no/such/job.yaml: cannot be read: No such file or directory");
  assert_int_equal(ins_yaml_read("/", NULL, &value), INS_ERR_IO);
  char path[] = "big_XXXXXX";
  int file = mkstemp(path);
  assert_int_equal(ftruncate(file, INS_YAML_MAX_BYTES + 1), 0);
  close(file);
  assert_int_equal(ins_yaml_read(path, NULL, &value), INS_ERR_ARGUMENT);
  assert_non_null(strstr(ins_message(), "larger than 16 MB"));
  unlink(path);
}

static ins_status read_python(const char *text, ins_value **out) {
  char path[] = "python_XXXXXX";
  int file = mkstemp(path);
  assert_int_equal(write(file, text, strlen(text)), strlen(text));
  close(file);
  ins_status status = ins_yaml_read_python(path, out);
  unlink(path);
  return status;
}

static void tuples_of_python_are_lists_and_other_tags_are_refused(void **state) {
  (void)state;
  static const char *const refused[] = {"a: !!python/object:os.system {}",
                                        "a: !!python/object/apply:os.system [ls]",
                                        "a: !!python/tuple {b: 1}",
                                        "a: !!python/tuple 3",
                                        "a: !!set {b: null}",
                                        "a: !tuple [1]"};
  ins_value *value;
  ins_text json = {0};
  assert_int_equal(
      read_python("a: !!python/tuple\n- 1\n- 2.5\nb: !!python/tuple [x, !!python/tuple "
                  "[]]\nc: &id !!python/tuple [3]\nd: *id\n",
                  &value),
      INS_OK);
  ins_value_json(value, 10, &json);
  assert_string_equal(json.data, "{\"a\":[1,2.5],\"b\":[\"x\",[]],\"c\":[3],\"d\":[3]}");
  ins_text_free(&json);
  ins_value_destroy(&value);
  for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
    assert_int_equal(read_python(refused[i], &value), INS_ERR_ARGUMENT);
    assert_non_null(strstr(ins_message(), "a tag (!) other than !!python/tuple"));
    assert_null(value);
  }
  /* A job has no tags at all. */
  static const char job[] = "a: !!python/tuple [1]";
  assert_int_equal(ins_yaml_parse(job, strlen(job), "job.yaml", NULL, &value), INS_ERR_ARGUMENT);
  assert_non_null(strstr(ins_message(), "tags (!) have no meaning in a job"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(scalars_follow_the_core_schema),
      cmocka_unit_test(values_and_keys_know_where_they_stand),
      cmocka_unit_test(aliases_are_copies),
      cmocka_unit_test(aliases_do_not_explode),
      cmocka_unit_test(nesting_is_bounded),
      cmocka_unit_test(huge_maps_and_lists_are_bounded),
      cmocka_unit_test(json_is_yaml),
      cmocka_unit_test(a_byte_order_mark_and_line_ends_do_not_matter),
      cmocka_unit_test(what_is_no_text_is_refused_with_its_place),
      cmocka_unit_test(nothing_is_nothing),
      cmocka_unit_test(damaged_text_never_crashes),
      cmocka_unit_test(files_that_cannot_be_read_are_named),
      cmocka_unit_test(tuples_of_python_are_lists_and_other_tags_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
