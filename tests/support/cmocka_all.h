/* SPDX-License-Identifier: MIT */
/** cmocka with the headers that it wants first. */
#ifndef INSILICO_TESTS_CMOCKA_ALL_H
#define INSILICO_TESTS_CMOCKA_ALL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#endif
