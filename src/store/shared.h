/* SPDX-License-Identifier: MIT */
/** Do all nodes see one file, and can they write it together? */
#ifndef INSILICO_STORE_SHARED_H
#define INSILICO_STORE_SHARED_H

#include <mpi.h>

#include "insilico/status.h"

enum { INS_TOKEN_MAX = 40 };

/** The random token that the run which holds the lock of RESULTS wrote into it; "" where there is
 * none. */
void ins_lock_token(const char *results, char token[INS_TOKEN_MAX]);

/** Collective, but ranks may return different codes: INS_ERR_IO on those that do not see the file
 * at PATH that rank 0 sees, naming their host. A rank that cannot see it at once looks again for
 * two seconds, because file systems of clusters remember for a while that a file was not there. */
ins_status ins_shared_check(MPI_Comm comm, const char *path) INS_CHECKED;

/** Collective. A warning, from rank 0, when several nodes are about to write to a file system on
 * which that is not safe. */
void ins_shared_warn(MPI_Comm comm, const char *path);
/** What a file system type (f_type of statfs) is called when several nodes cannot be trusted to
 * write to one file of it, or NULL. */
const char *ins_shared_unsafe(long type);

#endif
