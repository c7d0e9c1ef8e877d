/* SPDX-License-Identifier: MIT */
/** A library for LD_PRELOAD that makes the Nth allocation, write, read or MPI call of a program
 * fail, as SQLite does in its tests. What it does is asked for by environment variables:
 *
 *   SHIM_FAIL=KIND:N[+]  the Nth fails, from 1; `+`: and every later one. N = 0: only count. KIND
 * is alloc  malloc, calloc, aligned_alloc, strdup, vasprintf, ... called by the program itself
 *            (libraries that do not survive it, MPI and HDF5 among them, are spared) give NULL
 *     write  what changes a file below SHIM_BELOW or its directories: write, pwritev, ftruncate,
 *            posix_fallocate, fsync, close, rename, mkdir, unlink, open for writing, ..., called by
 *            anybody (HDF5 and MPI-IO too), fails with SHIM_ERRNO. Not seen: what the C library
 *            itself writes for a stream (fwrite), though opening a stream is
 *     read   read, pread, preadv, ... of a file below SHIM_BELOW, likewise
 *     mpi    an MPI call of the program itself is not made but handed to the error handler of its
 *            communicator; what that returns, it returns. MPI_Init is spared: it has no handler yet
 *   SHIM_BELOW=DIR       needed for write and read
 *   SHIM_ERRNO=NAME      ENOSPC, EIO (default), EDQUOT, EROFS, ENOENT, ESTALE
 *   SHIM_RANK=R          only on this rank of MPI_COMM_WORLD (as the launcher numbers it; 0 without
 *                        a launcher); left out: on all
 *   SHIM_COUNT_FILE=FILE the calls of KIND so far, ten digits, kept up to date also when the
 * process is killed. With several ranks give SHIM_RANK too: each has its own count SHIM_CLOCK=S:N
 * from the Nth time that the program itself asks for the time of day, every caller is told S
 * seconds more (negative: the clock was set back)
 *
 * Set by `env LD_PRELOAD=... SHIM_FAIL=... insilico ...` behind the launcher, so that the launcher
 * itself is spared. With AddressSanitizer it stands before libasan in LD_PRELOAD, and
 * ASAN_OPTIONS=verify_asan_link_order=0 is needed.
 */
#ifndef INSILICO_TESTS_SHIM_H
#define INSILICO_TESTS_SHIM_H

#include <stdbool.h>
#include <stddef.h>

typedef enum shim_kind { SHIM_ALLOC, SHIM_WRITE, SHIM_READ, SHIM_MPI, SHIM_KINDS } shim_kind;

/** Is this the call that fails? Counts it. */
bool shim_fails(shim_kind kind);
/** Does this return address lie in the program itself, not in a library? */
bool shim_own(const void *caller);
/** Sets errno to SHIM_ERRNO and returns -1. */
int shim_error(void);
/** The value of SHIM_ERRNO. */
int shim_errno(void);
/** Is the path, absolute and without links, below SHIM_BELOW? */
bool shim_below(const char *path);
/** Is this process one of the ranks that are meant? */
bool shim_meant(void);
/** Is this kind asked for at all? Saves the work of finding out what a call is about. */
bool shim_asks_for(shim_kind kind);

/** *function = the next definition of `name` behind this library. */
void shim_next(const char *name, void *function);
/** Evaluates to the next definition of a function, looked up once. */
#define SHIM_NEXT(name)                                                                            \
  __extension__({                                                                                  \
    static __typeof__(&name) next_;                                                                \
    if (!next_) shim_next(#name, &next_);                                                          \
    next_;                                                                                         \
  })
#define SHIM_CALLER __builtin_return_address(0)

#endif
