/* SPDX-License-Identifier: MIT */
/* Messages between ranks: one tag, so that those of a pair arrive in order. */
#include <time.h>

#include "insilico/comm.h"
#include "insilico/fault.h"
#include "run.h"

enum { TAG = 1 };

void wire_send(MPI_Comm comm, int to, const message *m) {
  if (ins_fault("message", -1)) return; /* lost on the way */
  MPI_Send(m, (int)message_bytes(m), MPI_BYTE, to, TAG, comm);
}

bool wire_receive(MPI_Comm comm, int *from, message *m) {
  int arrived;
  MPI_Status about;
  MPI_Iprobe(MPI_ANY_SOURCE, TAG, comm, &arrived, &about);
  if (!arrived) return false;
  *from = about.MPI_SOURCE;
  MPI_Recv(m, sizeof *m, MPI_BYTE, *from, TAG, comm, MPI_STATUS_IGNORE);
  m->text[sizeof m->text - 1] = '\0';
  return true;
}

/* Spinning answers fastest, but where ranks outnumber cores it takes the time of those who work. */
void wire_rest(unsigned *idle) {
  if (++*idle < 64) return;
  struct timespec pause = {.tv_nsec = *idle < 512 ? 20000 : 200000};
  nanosleep(&pause, NULL);
}
