/* SPDX-License-Identifier: MIT */
/* The inert pickle machine, on pickles written by Python and by hand. */
#include <unistd.h>

#include "checkpoint/pickle.h"
#include "checkpoint/pickle_file.h"
#include "support.h"

static ins_status read_pickle(const void *bytes, size_t n, ins_pickle *out) {
  return ins_pickle_read(bytes, n, "test", out);
}

#define READ(literal, out) read_pickle(literal, sizeof(literal) - 1, out)

/* {"a": [1, 2.5, None, "\u00b5\n", (True, -2**40)], "b": b"x"} by every protocol, one line each. */
static void every_protocol_gives_the_same_nodes(void **state) {
  (void)state;
  FILE *file = fopen(DATA "old_protocols.txt", "r");
  char line[4096];
  int protocol = 0;
  assert_non_null(file);
  for (; fgets(line, sizeof line, file); protocol++) {
    unsigned char bytes[2048];
    size_t n = strcspn(line, "\n") / 2;
    for (size_t i = 0; i < n; i++) sscanf(line + 2 * i, "%2hhx", &bytes[i]);
    ins_pickle p;
    assert_ok(read_pickle(bytes, n, &p));
    ins_node list = ins_pk_get(&p, p.root, "a");
    assert_int_equal(ins_pk_count(&p, list), 5);
    assert_int_equal(ins_pk(&p, ins_pk_item(&p, list, 0))->integer, 1);
    assert_true(ins_pk(&p, ins_pk_item(&p, list, 1))->real == 2.5);
    assert_int_equal(ins_pk_kind(&p, ins_pk_item(&p, list, 2)), PK_NONE);
    assert_true(ins_pk_text_is(&p, ins_pk_item(&p, list, 3), "\xc2\xb5\n"));
    ins_node pair = ins_pk_item(&p, list, 4);
    assert_int_equal(ins_pk_kind(&p, pair), PK_TUPLE);
    assert_true(ins_pk(&p, ins_pk_item(&p, pair, 0))->boolean);
    assert_true(ins_pk(&p, ins_pk_item(&p, pair, 1))->integer == -(1LL << 40));
    ins_node b = ins_pk_get(&p, p.root, "b");
    /* Before protocol 3 bytes travel as a call of _codecs.encode. */
    if (protocol < 3)
      assert_true(ins_pk_call_is(&p, b, "_codecs", "encode"));
    else
      assert_int_equal(ins_pk_kind(&p, b), PK_BYTES);
    ins_pickle_free(&p);
  }
  fclose(file);
  assert_int_equal(protocol, 6);
}

static void a_call_becomes_a_node_and_is_not_made(void **state) {
  (void)state;
  ins_pickle p;
  char name[64];
  assert_ok(READ("cos\nsystem\n(X\x18\0\0\0touch /tmp/insilico_"
                 "testtR.",
                 &p));
  assert_int_equal(ins_pk_kind(&p, p.root), PK_CALL);
  assert_string_equal(ins_pk_name(&p, p.root, name, sizeof name), "os.system");
  ins_pickle_free(&p);
}

static void objects_keep_their_state_items_and_entries(void **state) {
  (void)state;
  ins_pickle p;
  assert_ok(READ("\x80\x02"
                 "ca\nB\n)\x81}X\1\0\0\0kK\1sbK\2aX\1\0\0\0mK\3s.",
                 &p));
  const ins_pickle_node *call = ins_pk(&p, p.root);
  assert_int_equal(ins_pk(&p, ins_pk_get(&p, call->call.state, "k"))->integer, 1);
  assert_int_equal(ins_pk(&p, ins_pk_item(&p, call->call.list, 0))->integer, 2);
  assert_int_equal(ins_pk(&p, ins_pk_get(&p, p.root, "m"))->integer, 3);
  ins_pickle_free(&p);
}

static void old_style_instances_are_calls(void **state) {
  (void)state;
  ins_pickle p;
  assert_ok(READ("(K\1K\2ia\nB\n.", &p));
  assert_true(ins_pk_call_is(&p, p.root, "a", "B"));
  assert_int_equal(ins_pk_count(&p, ins_pk(&p, p.root)->call.args), 2);
  ins_pickle_free(&p);
  assert_ok(READ("(ca\nB\nK\1o.", &p));
  assert_true(ins_pk_call_is(&p, p.root, "a", "B"));
  assert_int_equal(ins_pk_count(&p, ins_pk(&p, p.root)->call.args), 1);
  ins_pickle_free(&p);
}

static void persistent_ids_and_the_memo_are_nodes(void **state) {
  (void)state;
  ins_pickle p;
  assert_ok(READ("(K\1K\2tQ.", &p));
  assert_int_equal(ins_pk_kind(&p, p.root), PK_PERSISTENT);
  assert_int_equal(ins_pk_count(&p, ins_pk(&p, p.root)->persistent), 2);
  ins_pickle_free(&p);
  assert_ok(READ("]q\0h\0a.", &p)); /* a list that holds itself */
  assert_int_equal(ins_pk_item(&p, p.root, 0), p.root);
  ins_pickle_free(&p);
}

static void a_later_entry_replaces_an_earlier_one(void **state) {
  (void)state;
  ins_pickle p;
  assert_ok(READ("}(X\1\0\0\0aK\1X\1\0\0\0aK\2u.", &p));
  assert_int_equal(ins_pk(&p, ins_pk_get(&p, p.root, "a"))->integer, 2);
  ins_pickle_free(&p);
}

static void damaged_pickles_are_refused_with_the_byte(void **state) {
  (void)state;
  static const struct {
    const char *bytes;
    size_t n;
    const char *says;
  } cases[] = {
#define CASE(literal, says) {literal, sizeof(literal) - 1, says}
      CASE("", "byte 0"),
      CASE("N", "byte 1 of the pickle: the data end"),
      CASE(".", "a value where there is none"),
      CASE("\xff.", "no instruction"),
      CASE("X\xff\xff\xff\xff"
           "abc.",
           "text is longer"),
      CASE("X\x05\0\0\0abc.", "end in the middle"),
      CASE("h\5.", "not made before"),
      CASE("Nr\xff\xff\xff\x7f.", "memo index is larger"),
      CASE("Na.", "value where there is none"),
      CASE("NNa.", "holds none"),
      CASE("t.", "never opened"),
      CASE("(N.", "still open"),
      CASE("}(Nu.", "key without a value"),
      CASE("(Nd.", "key without a value"),
      CASE("NNR.", "no function"),
      CASE("ca\nB\nNR.", "no tuple"),
      CASE("NNb.", "no object"),
      CASE("NN\x93.", "class is no text"),
      CASE("\x80\x09N.", "newer than 5"),
      CASE("\x97.", "out-of-band"),
      CASE("\x82\1.", "extension registry"),
      CASE("I12x\n.", "number cannot be read"),
      CASE("Fabc\n.", "number cannot be read"),
      CASE("S'abc\n.", "quotes"),
      CASE("I5", "no end"),
      CASE("(0.", "none"), /* POP takes the mark; nothing is left */
#undef CASE
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    ins_pickle p;
    ins_status status = read_pickle(cases[i].bytes, cases[i].n, &p);
    assert_int_equal(status, INS_ERR_FORMAT);
    assert_message(cases[i].says);
    assert_null(p.nodes);
  }
}

static void numbers_beyond_64_bits_and_texts_with_escapes_are_kept(void **state) {
  (void)state;
  ins_pickle p;
  assert_ok(
      READ("(L123456789012345678901234567890L\nS'a\\x41\\n\\''\nV\\u00b5\\U0001F600\nl.", &p));
  const ins_pickle_node *big = ins_pk(&p, ins_pk_item(&p, p.root, 0));
  assert_int_equal(big->kind, PK_BIG_INT);
  assert_int_equal(big->text.n, 30);
  assert_true(ins_pk_text_is(&p, ins_pk_item(&p, p.root, 1), "aA\n'"));
  assert_true(ins_pk_text_is(&p, ins_pk_item(&p, p.root, 2), "\xc2\xb5\xf0\x9f\x98\x80"));
  ins_pickle_free(&p);
}

static void a_file_that_is_one_pickle_becomes_a_plain_value(void **state) {
  (void)state;
  static const char *const files[] = {DATA "info_2.pkl", DATA "info_4.pkl", DATA "info_5.pkl"};
  for (int i = 0; i < 3; i++) {
    ins_value *value;
    ins_text json = {0};
    assert_ok(ins_pickle_file_value(files[i], &value));
    ins_value_json(value, 64, &json);
    assert_string_equal(json.data,
                        "{\"stim_mean\":37.9,\"neuron_ids\":[0,1,2,3,4],"
                        "\"traces\":[[1.0,1.0,1.0],[1.0,1.0,1.0]],\"names\":[\"a\",\"bc\"],"
                        "\"sessions\":{\"s1\":[1,2]},\"none\":null}");
    ins_text_free(&json);
    ins_value_destroy(&value);
  }
  ins_value *none;
  assert_int_equal(ins_pickle_file_value(DATA "nowhere.pkl", &none), INS_ERR_IO);
  assert_int_equal(ins_pickle_file_value(DATA "numbers.npy", &none), INS_ERR_FORMAT);
  assert_null(none);
}

/* What a byte of a pickle makes takes far more than a byte: groups, references, entries. All of it
 * counts. */
static void graphs_out_of_proportion_are_refused(void **state) {
  (void)state;
  static const struct {
    const char *again, *end;
  } cases[] = {{"(", "."}, {"N", "."}, {"]", "."}, {"2", "."}, {"}", "."}, {"h\1", "."}};
  enum { N = 1 << 20 };
  unsigned char *bytes = malloc(N + 8);
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    ins_pickle_run run = {.most_bytes = 1 << 20};
    ins_pickle p;
    size_t step = strlen(cases[i].again);
    memcpy(bytes, "Nq\1", 3);
    for (size_t k = 0; k < N; k++) bytes[3 + k] = (unsigned char)cases[i].again[k % step];
    assert_int_equal(ins_pickle_read_some(bytes, N, "test", &run, &p), INS_ERR_FORMAT);
    assert_message("far more objects");
    assert_true(p.spent < (1 << 20) + 200);
    ins_pickle_free(&p);
  }
  free(bytes);
}

static void a_second_pickle_begins_where_the_first_ends(void **state) {
  (void)state;
  static const unsigned char two[] = "\x80\2K\1.\x80\2K\2.";
  ins_pickle_run run = {.most_bytes = 1 << 16};
  ins_pickle p;
  assert_ok(ins_pickle_read_some(two, sizeof two - 1, "test", &run, &p));
  assert_int_equal(run.end, 5);
  assert_int_equal(ins_pk(&p, p.root)->integer, 1);
  ins_pickle_free(&p);
  assert_int_equal(ins_pickle_read_some(two, 3, "test", &run, &p), INS_ERR_FORMAT);
  assert_true(run.starved);
  ins_pickle_free(&p);
  assert_int_equal(ins_pickle_read_some((const unsigned char *)"\xff.", 2, "test", &run, &p),
                   INS_ERR_FORMAT);
  assert_false(run.starved);
  ins_pickle_free(&p);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_protocol_gives_the_same_nodes),
      cmocka_unit_test(a_call_becomes_a_node_and_is_not_made),
      cmocka_unit_test(objects_keep_their_state_items_and_entries),
      cmocka_unit_test(old_style_instances_are_calls),
      cmocka_unit_test(persistent_ids_and_the_memo_are_nodes),
      cmocka_unit_test(a_later_entry_replaces_an_earlier_one),
      cmocka_unit_test(damaged_pickles_are_refused_with_the_byte),
      cmocka_unit_test(a_file_that_is_one_pickle_becomes_a_plain_value),
      cmocka_unit_test(graphs_out_of_proportion_are_refused),
      cmocka_unit_test(a_second_pickle_begins_where_the_first_ends),
      cmocka_unit_test(numbers_beyond_64_bits_and_texts_with_escapes_are_kept),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
