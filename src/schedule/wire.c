/* SPDX-License-Identifier: MIT */
/* Messages between ranks: one tag, so that those of a pair arrive in order. */
#include <string.h>
#include <time.h>

#include "insilico/comm.h"
#include "insilico/fault.h"
#include "insilico/memory.h"
#include "run.h"

enum { TAG = 1 };

/* Where losses are survived a failing call only says so; elsewhere it does not return. */
static bool note(run *r, int code) {
  if (code == MPI_SUCCESS) return true;
  if (!ins_comm_is_loss(code))
    ins_fatal(INS_ERR_LOST, "a message between ranks failed", __FILE__, __LINE__);
  r->lost = true;
  return false;
}

/* Frees what has left. */
static void clear_sent(run *r) {
  size_t n = 0;
  for (size_t i = 0; i < r->n_outbox; i++) {
    posted *l = &r->outbox[i];
    int gone = 1;
    if (!r->lost) note(r, MPI_Test(&l->request, &gone, MPI_STATUS_IGNORE));
    if (gone)
      ins_free(&l->copy);
    else
      r->outbox[n++] = *l;
  }
  r->n_outbox = n;
}

/* Even small messages are not taken off our hands at once when nobody hears them for long: a rank
 * that stands still must not keep others in MPI_Send. */
void wire_send(run *r, int to, const message *m) {
  const size_t n = message_bytes(m);
  if (r->lost || ins_fault("message", -1)) return; /* lost on the way */
  posted l = {0};
  if (ins_grow(&r->outbox, &r->outbox_capacity, r->n_outbox + 1, sizeof l) != INS_OK ||
      ins_alloc(n, 1, &l.copy) != INS_OK)
    ins_fatal(INS_ERR_MEMORY, ins_message(), __FILE__, __LINE__);
  memcpy(l.copy, m, n);
  note(r, MPI_Isend(l.copy, (int)n, MPI_BYTE, to, TAG, r->comm, &l.request));
  r->outbox[r->n_outbox++] = l;
  clear_sent(r);
}

bool wire_receive(run *r, int *from, message *m) {
  int arrived;
  MPI_Status about;
  if (r->n_outbox) clear_sent(r);
  if (r->lost || !note(r, MPI_Iprobe(MPI_ANY_SOURCE, TAG, r->comm, &arrived, &about)) || !arrived)
    return false;
  *from = about.MPI_SOURCE;
  const int code = MPI_Recv(m, sizeof *m, MPI_BYTE, *from, TAG, r->comm, MPI_STATUS_IGNORE);
  m->text[sizeof m->text - 1] = '\0';
  return note(r, code);
}

void wire_finish(run *r) {
  while (r->n_outbox) clear_sent(r);
}

/* Spinning answers fastest, but where ranks outnumber cores it takes the time of those who work. */
void wire_rest(unsigned *idle) {
  if (++*idle < 64) return;
  struct timespec pause = {.tv_nsec = *idle < 512 ? 20000 : 200000};
  nanosleep(&pause, NULL);
}
