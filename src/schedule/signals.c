/* SPDX-License-Identifier: MIT */
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>

#include "insilico/schedule.h"

static volatile sig_atomic_t caught;

static void note(int number) {
  if (caught && number == SIGINT) _Exit(128 + SIGINT);
  caught = number;
}

static const int numbers[] = {SIGUSR1, SIGTERM, SIGINT};

void ins_signals_catch(void) {
  struct sigaction action = {.sa_handler = note, .sa_flags = SA_RESTART};
  caught = 0;
  sigemptyset(&action.sa_mask);
  for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
    sigaction(numbers[i], &action, NULL);
}

void ins_signals_release(void) {
  for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) signal(numbers[i], SIG_DFL);
}

int ins_signals_caught(void) {
  return caught;
}
