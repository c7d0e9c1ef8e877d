/* SPDX-License-Identifier: MIT */
#include "cmocka_all.h"

#include <stdlib.h>
#include <time.h>

#include "fetch/answer.h"
#include "insilico/fetch.h"

#define HASH "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static fetch_answer read_lines(const char *const *lines) {
  fetch_answer answer;
  fetch_answer_clear(&answer);
  for (; *lines; lines++) fetch_answer_line(&answer, *lines, strlen(*lines));
  return answer;
}

static void a_head_says_what_is_sent(void **state) {
  (void)state;
  const char *const lines[] = {"HTTP/1.1 206 Partial Content\r\n",
                               "etag: \"abc\"\r\n",
                               "CONTENT-LENGTH:100\r\n",
                               "Content-Range: bytes 100-199/200\r\n",
                               "Content-Type: application/octet-stream\r\n",
                               NULL};
  fetch_answer a = read_lines(lines);
  assert_int_equal(a.code, 206);
  assert_string_equal(a.etag, "\"abc\"");
  assert_int_equal(a.length, 100);
  assert_int_equal(a.range_start, 100);
  assert_int_equal(a.range_of, 200);
  assert_false(a.web_page);
}

static void a_hub_vouches_for_hash_and_size(void **state) {
  (void)state;
  const char *const lines[] = {"HTTP/2 302\r\n", "x-linked-etag: \"" HASH "\"\r\n",
                               "x-linked-size: 12345678901\r\n", NULL};
  const char *const small[] = {"HTTP/2 200\r\n", "x-linked-etag: \"0123\"\r\n", NULL};
  fetch_answer a = read_lines(lines);
  assert_true(fetch_answer_redirects(&a));
  assert_string_equal(a.linked_sha256, HASH);
  assert_int_equal(a.linked_size, 12345678901);
  assert_string_equal(read_lines(small).linked_sha256, "");
}

static void a_new_status_line_forgets_the_last_answer(void **state) {
  (void)state;
  const char *const lines[] = {"HTTP/1.1 302 Found\r\n", "Content-Type: text/html\r\n",
                               "Content-Length: 3\r\n", "HTTP/1.1 200 OK\r\n", NULL};
  fetch_answer a = read_lines(lines);
  assert_int_equal(a.code, 200);
  assert_int_equal(a.length, -1);
  assert_false(a.web_page);
}

static void weak_tags_and_nonsense_are_not_taken(void **state) {
  (void)state;
  const char *const lines[] = {"HTTP/1.1 200 OK\r\n",
                               "ETag: W/\"abc\"\r\n",
                               "Content-Length: -5\r\n",
                               "Content-Range: bytes */300\r\n",
                               "X-Linked-Size: 99999999999999999999999\r\n",
                               "Retry-After: soon\r\n",
                               "no colon\r\n",
                               NULL};
  fetch_answer a = read_lines(lines);
  assert_string_equal(a.etag, "");
  assert_int_equal(a.length, -1);
  assert_int_equal(a.range_start, -1);
  assert_int_equal(a.range_of, 300);
  assert_int_equal(a.linked_size, -1);
  assert_true(a.retry_after_s < 0);
}

static void retry_after_is_seconds_or_a_date(void **state) {
  (void)state;
  char line[64] = "Retry-After: ";
  time_t then = time(NULL) + 100;
  struct tm utc;
  strftime(line + 13, sizeof line - 13, "%a, %d %b %Y %H:%M:%S GMT\r\n", gmtime_r(&then, &utc));
  const char *const seconds[] = {"HTTP/1.1 429 x\r\n", "Retry-After: 7\r\n", NULL};
  const char *const date[] = {"HTTP/1.1 503 x\r\n", line, NULL};
  const char *const past[] = {"HTTP/1.1 503 x\r\n", "Retry-After: Sun, 06 Nov 1994 08:49:37 GMT",
                              NULL};
  assert_true(read_lines(seconds).retry_after_s == 7);
  double s = read_lines(date).retry_after_s;
  assert_true(s > 95 && s <= 100); /* the clock moves on meanwhile */
  assert_true(read_lines(past).retry_after_s == 0);
}

static void only_some_errors_pass(void **state) {
  (void)state;
  const struct {
    long code;
    bool transient;
  } codes[] = {{408, true},  {425, true},  {429, true},  {500, true},  {503, true},
               {504, true},  {400, false}, {401, false}, {403, false}, {404, false},
               {410, false}, {416, false}, {204, false}};
  for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
    fetch_answer a = {.code = codes[i].code};
    assert_int_equal(fetch_answer_transient(&a), codes[i].transient);
  }
}

static void a_sha256_has_64_digits(void **state) {
  (void)state;
  char out[INS_SHA256_HEX];
  assert_true(fetch_read_sha256(HASH, 64, out));
  assert_true(fetch_read_sha256("\"" HASH "\"", 66, out));
  assert_false(fetch_read_sha256(HASH, 63, out));
  assert_false(fetch_read_sha256("x" HASH, 64, out));
  assert_true(fetch_read_sha256("ABCDEF6789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
                                64, out));
  assert_memory_equal(out, "abcdef67", 8);
}

static void local_names_pass_unchanged(void **state) {
  (void)state;
  static const char *const names[] = {"model.ckpt", "/data/x.h5", "builtin:ground_truth?seed=1",
                                      "a:/b", ""};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    char *path;
    assert_false(ins_fetch_is_remote(names[i]));
    assert_int_equal(ins_fetch_resolve(names[i], NULL, &path), INS_OK);
    assert_string_equal(path, names[i]);
    free(path);
  }
  assert_true(ins_fetch_is_remote("sridhar_2025"));
  assert_true(ins_fetch_is_remote("hf://a/b/c"));
  assert_true(ins_fetch_is_remote("s3://bucket/c"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_head_says_what_is_sent),
      cmocka_unit_test(a_hub_vouches_for_hash_and_size),
      cmocka_unit_test(a_new_status_line_forgets_the_last_answer),
      cmocka_unit_test(weak_tags_and_nonsense_are_not_taken),
      cmocka_unit_test(retry_after_is_seconds_or_a_date),
      cmocka_unit_test(only_some_errors_pass),
      cmocka_unit_test(a_sha256_has_64_digits),
      cmocka_unit_test(local_names_pass_unchanged),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
