/* SPDX-License-Identifier: MIT */
#include <math.h>

#include "cmocka_all.h"
#include "insilico/hash.h"
#include "insilico/random.h"

/* Philox4x32-10 known answers from Random123's kat_vectors: zero and all-ones counter and key. */
static void words_are_those_of_philox(void **state) {
  (void)state;
  uint32_t out[4];
  ins_stream zero = {{0, 0}, 0}, ones = {{0xffffffff, 0xffffffff}, UINT64_MAX};
  ins_stream_words(&zero, 0, out);
  assert_int_equal(out[0], 0x6627e8d5);
  assert_int_equal(out[1], 0xe169c58d);
  assert_int_equal(out[2], 0xbc57ac4c);
  assert_int_equal(out[3], 0x9b00dbd8);
  ins_stream_words(&ones, UINT64_MAX, out);
  assert_int_equal(out[0], 0x408f276d);
  assert_int_equal(out[1], 0x41c83b0e);
  assert_int_equal(out[2], 0xa20bc7c6);
  assert_int_equal(out[3], 0x6d5451fd);
}

static void an_element_does_not_depend_on_what_is_drawn_with_it(void **state) {
  (void)state;
  const int64_t at[] = {3, 7};
  ins_stream stream = ins_stream_at(1, "test", at, 2);
  float all[101], one;
  double u[101], v;
  ins_stream_normal(&stream, 0, 101, all);
  ins_stream_uniform(&stream, 0, 101, u);
  for (uint64_t i = 0; i < 101; i++) {
    ins_stream_normal(&stream, i, 1, &one);
    ins_stream_uniform(&stream, i, 1, &v);
    assert_true(one == all[i] && v == u[i]);
  }
}

static void streams_differ_by_seed_name_and_coordinates(void **state) {
  (void)state;
  const int64_t a[] = {3, 7}, b[] = {7, 3}, c[] = {3, 7, 0};
  ins_stream streams[] = {ins_stream_at(1, "x", a, 2), ins_stream_at(2, "x", a, 2),
                          ins_stream_at(1, "y", a, 2), ins_stream_at(1, "x", b, 2),
                          ins_stream_at(1, "x", c, 3)};
  float first[5];
  for (int i = 0; i < 5; i++) ins_stream_normal(&streams[i], 0, 1, &first[i]);
  for (int i = 0; i < 5; i++)
    for (int j = 0; j < i; j++) assert_true(first[i] != first[j]);
}

/* Bounds are 5 standard errors of the moments of 200,000 draws. */
static void normal_numbers_have_the_moments_of_a_normal(void **state) {
  (void)state;
  enum { N = 200000 };
  static float x[N];
  ins_stream stream = ins_stream_at(5, "moments", NULL, 0);
  double m1 = 0, m2 = 0, m4 = 0;
  ins_stream_normal(&stream, 0, N, x);
  for (int i = 0; i < N; i++) {
    double v = (double)x[i];
    m1 += v / N;
    m2 += v * v / N;
    m4 += v * v * v * v / N;
  }
  assert_true(fabs(m1) < 5 * sqrt(1.0 / N));
  assert_true(fabs(m2 - 1) < 5 * sqrt(2.0 / N));
  assert_true(fabs(m4 - 3) < 5 * sqrt(96.0 / N));
}

static void sha256_knows_its_test_vector(void **state) {
  (void)state;
  char out[INS_SHA256_HEX];
  assert_int_equal(ins_sha256("abc", 3, out), INS_OK);
  assert_string_equal(out, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

static void a_hash_of_pieces_is_the_hash_of_the_whole(void **state) {
  (void)state;
  char bytes[1000];
  ins_xxh hash;
  for (int i = 0; i < 1000; i++) bytes[i] = (char)(i * 7);
  assert_int_equal(ins_xxh_create(&hash), INS_OK);
  ins_xxh_begin(&hash, 9);
  ins_xxh_add(&hash, bytes, 300);
  ins_xxh_add(&hash, bytes + 300, 700);
  assert_true(ins_xxh_end(&hash) == ins_xxh3(bytes, 1000, 9));
  ins_xxh_destroy(&hash);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(words_are_those_of_philox),
      cmocka_unit_test(an_element_does_not_depend_on_what_is_drawn_with_it),
      cmocka_unit_test(streams_differ_by_seed_name_and_coordinates),
      cmocka_unit_test(normal_numbers_have_the_moments_of_a_normal),
      cmocka_unit_test(sha256_knows_its_test_vector),
      cmocka_unit_test(a_hash_of_pieces_is_the_hash_of_the_whole),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
