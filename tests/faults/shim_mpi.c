/* SPDX-License-Identifier: MIT */
/* MPI's profiling interface: the library's own functions are PMPI_X. Calls without a communicator
 * go to the handler of MPI_COMM_WORLD, as the standard has it. */
#include <mpi.h>

#include "shim.h"

static bool fails(const void *caller, MPI_Comm comm) {
  if (!shim_asks_for(SHIM_MPI) || !shim_own(caller) || !shim_fails(SHIM_MPI)) return false;
  PMPI_Comm_call_errhandler(comm == MPI_COMM_NULL ? MPI_COMM_WORLD : comm, MPI_ERR_OTHER);
  return true; /* unless the handler ended the process */
}

/* The call, or its failure. */
#define CALL(comm, call) (fails(SHIM_CALLER, comm) ? MPI_ERR_OTHER : (call))
/* One that makes a request: there is none then. */
#define START(comm, request, call)                                                                 \
  (fails(SHIM_CALLER, comm) ? (*request = MPI_REQUEST_NULL, MPI_ERR_OTHER) : (call))

/* ---- messages ----------------------------------------------------------------------------------
 */

int MPI_Send(const void *data, int n, MPI_Datatype type, int to, int tag, MPI_Comm comm) {
  return CALL(comm, PMPI_Send(data, n, type, to, tag, comm));
}

int MPI_Ssend(const void *data, int n, MPI_Datatype type, int to, int tag, MPI_Comm comm) {
  return CALL(comm, PMPI_Ssend(data, n, type, to, tag, comm));
}

int MPI_Recv(void *data, int n, MPI_Datatype type, int from, int tag, MPI_Comm comm,
             MPI_Status *status) {
  return CALL(comm, PMPI_Recv(data, n, type, from, tag, comm, status));
}

int MPI_Sendrecv(const void *out, int n_out, MPI_Datatype type_out, int to, int tag_out, void *in,
                 int n_in, MPI_Datatype type_in, int from, int tag_in, MPI_Comm comm,
                 MPI_Status *status) {
  return CALL(comm, PMPI_Sendrecv(out, n_out, type_out, to, tag_out, in, n_in, type_in, from,
                                  tag_in, comm, status));
}

int MPI_Isend(const void *data, int n, MPI_Datatype type, int to, int tag, MPI_Comm comm,
              MPI_Request *request) {
  return START(comm, request, PMPI_Isend(data, n, type, to, tag, comm, request));
}

int MPI_Issend(const void *data, int n, MPI_Datatype type, int to, int tag, MPI_Comm comm,
               MPI_Request *request) {
  return START(comm, request, PMPI_Issend(data, n, type, to, tag, comm, request));
}

int MPI_Irecv(void *data, int n, MPI_Datatype type, int from, int tag, MPI_Comm comm,
              MPI_Request *request) {
  return START(comm, request, PMPI_Irecv(data, n, type, from, tag, comm, request));
}

int MPI_Probe(int from, int tag, MPI_Comm comm, MPI_Status *status) {
  return CALL(comm, PMPI_Probe(from, tag, comm, status));
}

int MPI_Iprobe(int from, int tag, MPI_Comm comm, int *there, MPI_Status *status) {
  return CALL(comm, PMPI_Iprobe(from, tag, comm, there, status));
}

int MPI_Improbe(int from, int tag, MPI_Comm comm, int *there, MPI_Message *message,
                MPI_Status *status) {
  return CALL(comm, PMPI_Improbe(from, tag, comm, there, message, status));
}

int MPI_Mrecv(void *data, int n, MPI_Datatype type, MPI_Message *message, MPI_Status *status) {
  return CALL(MPI_COMM_WORLD, PMPI_Mrecv(data, n, type, message, status));
}

int MPI_Get_count(const MPI_Status *status, MPI_Datatype type, int *n) {
  return CALL(MPI_COMM_WORLD, PMPI_Get_count(status, type, n));
}

/* ---- requests ----------------------------------------------------------------------------------
 */

int MPI_Test(MPI_Request *request, int *done, MPI_Status *status) {
  return CALL(MPI_COMM_WORLD, PMPI_Test(request, done, status));
}

int MPI_Testany(int n, MPI_Request requests[], int *which, int *done, MPI_Status *status) {
  return CALL(MPI_COMM_WORLD, PMPI_Testany(n, requests, which, done, status));
}

int MPI_Testall(int n, MPI_Request requests[], int *done, MPI_Status statuses[]) {
  return CALL(MPI_COMM_WORLD, PMPI_Testall(n, requests, done, statuses));
}

int MPI_Testsome(int n, MPI_Request requests[], int *n_done, int which[], MPI_Status statuses[]) {
  return CALL(MPI_COMM_WORLD, PMPI_Testsome(n, requests, n_done, which, statuses));
}

int MPI_Wait(MPI_Request *request, MPI_Status *status) {
  return CALL(MPI_COMM_WORLD, PMPI_Wait(request, status));
}

int MPI_Waitany(int n, MPI_Request requests[], int *which, MPI_Status *status) {
  return CALL(MPI_COMM_WORLD, PMPI_Waitany(n, requests, which, status));
}

int MPI_Waitall(int n, MPI_Request requests[], MPI_Status statuses[]) {
  return CALL(MPI_COMM_WORLD, PMPI_Waitall(n, requests, statuses));
}

int MPI_Cancel(MPI_Request *request) {
  return CALL(MPI_COMM_WORLD, PMPI_Cancel(request));
}

int MPI_Request_free(MPI_Request *request) {
  return CALL(MPI_COMM_WORLD, PMPI_Request_free(request));
}

/* ---- collective --------------------------------------------------------------------------------
 */

int MPI_Barrier(MPI_Comm comm) {
  return CALL(comm, PMPI_Barrier(comm));
}

int MPI_Ibarrier(MPI_Comm comm, MPI_Request *request) {
  return START(comm, request, PMPI_Ibarrier(comm, request));
}

int MPI_Bcast(void *data, int n, MPI_Datatype type, int root, MPI_Comm comm) {
  return CALL(comm, PMPI_Bcast(data, n, type, root, comm));
}

int MPI_Reduce(const void *in, void *out, int n, MPI_Datatype type, MPI_Op op, int root,
               MPI_Comm comm) {
  return CALL(comm, PMPI_Reduce(in, out, n, type, op, root, comm));
}

int MPI_Allreduce(const void *in, void *out, int n, MPI_Datatype type, MPI_Op op, MPI_Comm comm) {
  return CALL(comm, PMPI_Allreduce(in, out, n, type, op, comm));
}

int MPI_Iallreduce(const void *in, void *out, int n, MPI_Datatype type, MPI_Op op, MPI_Comm comm,
                   MPI_Request *request) {
  return START(comm, request, PMPI_Iallreduce(in, out, n, type, op, comm, request));
}

int MPI_Exscan(const void *in, void *out, int n, MPI_Datatype type, MPI_Op op, MPI_Comm comm) {
  return CALL(comm, PMPI_Exscan(in, out, n, type, op, comm));
}

int MPI_Gather(const void *in, int n_in, MPI_Datatype type_in, void *out, int n_out,
               MPI_Datatype type_out, int root, MPI_Comm comm) {
  return CALL(comm, PMPI_Gather(in, n_in, type_in, out, n_out, type_out, root, comm));
}

int MPI_Gatherv(const void *in, int n_in, MPI_Datatype type_in, void *out, const int n_out[],
                const int at[], MPI_Datatype type_out, int root, MPI_Comm comm) {
  return CALL(comm, PMPI_Gatherv(in, n_in, type_in, out, n_out, at, type_out, root, comm));
}

int MPI_Scatter(const void *in, int n_in, MPI_Datatype type_in, void *out, int n_out,
                MPI_Datatype type_out, int root, MPI_Comm comm) {
  return CALL(comm, PMPI_Scatter(in, n_in, type_in, out, n_out, type_out, root, comm));
}

int MPI_Allgather(const void *in, int n_in, MPI_Datatype type_in, void *out, int n_out,
                  MPI_Datatype type_out, MPI_Comm comm) {
  return CALL(comm, PMPI_Allgather(in, n_in, type_in, out, n_out, type_out, comm));
}

int MPI_Allgatherv(const void *in, int n_in, MPI_Datatype type_in, void *out, const int n_out[],
                   const int at[], MPI_Datatype type_out, MPI_Comm comm) {
  return CALL(comm, PMPI_Allgatherv(in, n_in, type_in, out, n_out, at, type_out, comm));
}

/* ---- communicators and the rest ----------------------------------------------------------------
 */

int MPI_Comm_rank(MPI_Comm comm, int *rank) {
  return CALL(comm, PMPI_Comm_rank(comm, rank));
}

int MPI_Comm_size(MPI_Comm comm, int *size) {
  return CALL(comm, PMPI_Comm_size(comm, size));
}

int MPI_Comm_dup(MPI_Comm comm, MPI_Comm *out) {
  return CALL(comm, PMPI_Comm_dup(comm, out));
}

int MPI_Comm_split(MPI_Comm comm, int colour, int key, MPI_Comm *out) {
  return CALL(comm, PMPI_Comm_split(comm, colour, key, out));
}

int MPI_Comm_split_type(MPI_Comm comm, int type, int key, MPI_Info info, MPI_Comm *out) {
  return CALL(comm, PMPI_Comm_split_type(comm, type, key, info, out));
}

int MPI_Comm_create_group(MPI_Comm comm, MPI_Group group, int tag, MPI_Comm *out) {
  return CALL(comm, PMPI_Comm_create_group(comm, group, tag, out));
}

int MPI_Comm_group(MPI_Comm comm, MPI_Group *out) {
  return CALL(comm, PMPI_Comm_group(comm, out));
}

int MPI_Group_incl(MPI_Group group, int n, const int ranks[], MPI_Group *out) {
  return CALL(MPI_COMM_WORLD, PMPI_Group_incl(group, n, ranks, out));
}

int MPI_Group_free(MPI_Group *group) {
  return CALL(MPI_COMM_WORLD, PMPI_Group_free(group));
}

int MPI_Comm_free(MPI_Comm *comm) {
  return CALL(MPI_COMM_WORLD, PMPI_Comm_free(comm));
}

/* Making and setting a handler do not fail here: before that, MPI's own ends the process. */

int MPI_Errhandler_free(MPI_Errhandler *handler) {
  return CALL(MPI_COMM_WORLD, PMPI_Errhandler_free(handler));
}

int MPI_Comm_get_attr(MPI_Comm comm, int key, void *value, int *found) {
  return CALL(comm, PMPI_Comm_get_attr(comm, key, value, found));
}

int MPI_Get_processor_name(char *name, int *length) {
  return CALL(MPI_COMM_WORLD, PMPI_Get_processor_name(name, length));
}

int MPI_Info_create(MPI_Info *info) {
  return CALL(MPI_COMM_WORLD, PMPI_Info_create(info));
}

int MPI_Info_set(MPI_Info info, const char *key, const char *value) {
  return CALL(MPI_COMM_WORLD, PMPI_Info_set(info, key, value));
}

int MPI_Info_free(MPI_Info *info) {
  return CALL(MPI_COMM_WORLD, PMPI_Info_free(info));
}

int MPI_Win_allocate_shared(MPI_Aint size, int unit, MPI_Info info, MPI_Comm comm, void *base,
                            MPI_Win *out) {
  return CALL(comm, PMPI_Win_allocate_shared(size, unit, info, comm, base, out));
}

int MPI_Win_shared_query(MPI_Win window, int rank, MPI_Aint *size, int *unit, void *base) {
  return CALL(MPI_COMM_WORLD, PMPI_Win_shared_query(window, rank, size, unit, base));
}

int MPI_Win_free(MPI_Win *window) {
  return CALL(MPI_COMM_WORLD, PMPI_Win_free(window));
}

int MPI_Finalize(void) {
  return CALL(MPI_COMM_WORLD, PMPI_Finalize());
}

/* ---- files: their failures are returned ------------------------------------------------------ */

static bool file_fails(const void *caller) {
  return shim_asks_for(SHIM_MPI) && shim_own(caller) && shim_fails(SHIM_MPI);
}

int MPI_File_open(MPI_Comm comm, const char *name, int mode, MPI_Info info, MPI_File *file) {
  if (!file_fails(SHIM_CALLER)) return PMPI_File_open(comm, name, mode, info, file);
  *file = MPI_FILE_NULL;
  return MPI_ERR_IO;
}

int MPI_File_write_at(MPI_File file, MPI_Offset offset, const void *data, int n, MPI_Datatype type,
                      MPI_Status *status) {
  return file_fails(SHIM_CALLER) ? MPI_ERR_IO
                                 : PMPI_File_write_at(file, offset, data, n, type, status);
}

int MPI_File_read_at(MPI_File file, MPI_Offset offset, void *data, int n, MPI_Datatype type,
                     MPI_Status *status) {
  return file_fails(SHIM_CALLER) ? MPI_ERR_IO
                                 : PMPI_File_read_at(file, offset, data, n, type, status);
}

int MPI_File_sync(MPI_File file) {
  return file_fails(SHIM_CALLER) ? MPI_ERR_IO : PMPI_File_sync(file);
}

int MPI_File_close(MPI_File *file) {
  const int code = PMPI_File_close(file);
  return file_fails(SHIM_CALLER) ? MPI_ERR_IO : code;
}
