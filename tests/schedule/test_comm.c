/* SPDX-License-Identifier: MIT */
/* Sharing between ranks: everybody gets rank 0's bytes, or everybody its error. */
#include "cmocka_all.h"
#include "insilico/comm.h"

static int rank_of(void) {
  int rank;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  return rank;
}

static void a_node_holds_the_bytes_of_rank_0(void **state) {
  (void)state;
  enum { N = 3000000 };
  ins_text text = {0};
  ins_shared shared;
  const char *bytes;
  if (rank_of() == 0)
    for (int i = 0; i < N; i++) ins_text_add_bytes(&text, &(char){(char)(i * 7)}, 1);
  assert_int_equal(ins_share_node(MPI_COMM_WORLD, INS_OK, &text, &shared), INS_OK);
  assert_int_equal(shared.n, N);
  assert_int_equal((uintptr_t)shared.bytes % 64, 0);
  bytes = shared.bytes;
  for (int i = 0; i < N; i += 997) assert_int_equal(bytes[i], (char)(i * 7));
  assert_true(shared.is_mapped); /* this machine can */
  assert_null(text.data);
  ins_shared_free(&shared);
}

static void a_failure_of_rank_0_is_everybodys(void **state) {
  (void)state;
  ins_text text = {0};
  ins_shared shared;
  ins_status status = INS_OK;
  if (rank_of() == 0) status = ins_fail(INS_ERR_IO, "the model is not there");
  assert_int_equal(ins_share_node(MPI_COMM_WORLD, status, &text, &shared), INS_ERR_IO);
  assert_string_equal(ins_message(), "the model is not there");
  assert_null(shared.bytes);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_node_holds_the_bytes_of_rank_0),
      cmocka_unit_test(a_failure_of_rank_0_is_everybodys),
  };
  MPI_Init(NULL, NULL);
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  MPI_Finalize();
  return failed;
}
