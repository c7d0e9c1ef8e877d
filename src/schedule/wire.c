/* SPDX-License-Identifier: MIT */
/* Messages between ranks: one tag, so that those of a pair arrive in order. */
#include <time.h>

#include "insilico/comm.h"
#include "insilico/fault.h"
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

void wire_send(run *r, int to, const message *m) {
  if (r->lost || ins_fault("message", -1)) return; /* lost on the way */
  note(r, MPI_Send(m, (int)message_bytes(m), MPI_BYTE, to, TAG, r->comm));
}

bool wire_receive(run *r, int *from, message *m) {
  int arrived;
  MPI_Status about;
  if (r->lost || !note(r, MPI_Iprobe(MPI_ANY_SOURCE, TAG, r->comm, &arrived, &about)) || !arrived)
    return false;
  *from = about.MPI_SOURCE;
  const int code = MPI_Recv(m, sizeof *m, MPI_BYTE, *from, TAG, r->comm, MPI_STATUS_IGNORE);
  m->text[sizeof m->text - 1] = '\0';
  return note(r, code);
}

/* Spinning answers fastest, but where ranks outnumber cores it takes the time of those who work. */
void wire_rest(unsigned *idle) {
  if (++*idle < 64) return;
  struct timespec pause = {.tv_nsec = *idle < 512 ? 20000 : 200000};
  nanosleep(&pause, NULL);
}
