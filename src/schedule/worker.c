/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <string.h>

#include "protocol.h"

typedef struct worker {
  run *run;
  message deal; /* being received */
  MPI_Request request;
} worker;

static void tell(worker *w, message *m) {
  MPI_Send(m, sizeof *m, MPI_BYTE, 0, TAG_TO_MASTER, w->run->comm);
}

static void want(worker *w) {
  message m = {.kind = WANT};
  MPI_Irecv(&w->deal, sizeof w->deal, MPI_BYTE, 0, TAG_DEAL, w->run->comm, &w->request);
  tell(w, &m);
}

static message await_deal(worker *w) {
  unsigned idle = 0;
  for (int arrived = 0; !arrived;) {
    MPI_Test(&w->request, &arrived, MPI_STATUS_IGNORE);
    if (!arrived) rest(&idle);
  }
  return w->deal;
}

static bool beat(void *context) {
  const worker *w = context;
  int halted;
  if (ins_signals_caught()) return false;
  MPI_Iprobe(0, TAG_HALT, w->run->comm, &halted, MPI_STATUS_IGNORE);
  return !halted;
}

static void leave(worker *w, ins_status status) {
  message m = {.kind = LEAVE, .status = (int32_t)status}, bye, halt;
  if (status != INS_OK) strcpy(m.text, ins_message());
  tell(w, &m);
  MPI_Recv(&bye, sizeof bye, MPI_BYTE, 0, TAG_BYE, w->run->comm, MPI_STATUS_IGNORE);
  if (bye.n) MPI_Recv(&halt, sizeof halt, MPI_BYTE, 0, TAG_HALT, w->run->comm, MPI_STATUS_IGNORE);
}

static ins_status compute_deal(worker *w, bench *b, const message *deal) {
  ins_pulse pulse = {beat, w};
  ins_status status = INS_OK;
  for (int64_t i = 0; status == INS_OK && i < deal->n; i++) {
    message report;
    status = compute_batch(w->run, b, (size_t)(deal->first + i), &pulse, &report);
    if (status == INS_OK || status == INS_ERR_STOPPED) tell(w, &report);
    if (status == INS_OK) status = ins_pulse_beat(&pulse);
  }
  return status;
}

ins_status worker_loop(run *r) {
  worker w = {.run = r};
  bench b;
  ins_status status = bench_create(r, &b);
  want(&w);
  message deal = await_deal(&w);
  while (status == INS_OK && deal.n > 0) {
    want(&w);
    status = compute_deal(&w, &b, &deal);
    deal = await_deal(&w); /* every WANT has its answer, also when this rank stops */
  }
  leave(&w, status);
  bench_clear(&b);
  return status;
}
