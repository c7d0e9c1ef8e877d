/* SPDX-License-Identifier: MIT */
/** The results file: one HDF5 file a job, laid out at full size beforehand, written in parallel.
 *
 * It has one or more stages, each with its axes, variables and books of its own: in the root of the
 * file (at most one), or in the group that its layout names. `stages` is always all of them, in the
 * order they run; a stage is known by its position there.
 *
 * Readable by xarray, netCDF4, h5py and h5dump with every axis labelled. Contents do not depend on
 * the number of ranks, the order of writing or the history of kills: docs/results-file.md.
 */
#ifndef INSILICO_STORE_H
#define INSILICO_STORE_H

#include <mpi.h>

#include "insilico/layout.h"

typedef enum ins_task_state {
  INS_TASK_PENDING = 0,
  INS_TASK_DONE = 1,
  INS_TASK_FAILED = 2
} ins_task_state;

typedef struct ins_store ins_store;

/** How this process makes and opens results files from now on: the settings `io` of a job
 * (docs/job-file.md), or NULL for the defaults. `alignment` is part of the bytes of a file that is
 * made; everything else only says how it is accessed. Local; before ins_store_create and
 * ins_store_open, on every rank.
 * @return INS_OK; INS_ERR_ARGUMENT (hints that MPI cannot be told, named); INS_ERR_MEMORY. On
 * failure the settings are as before */
ins_status ins_store_set_io(const ins_value *io) INS_CHECKED;

/** Do these stages fit into one file? Also found by those that lay out; here before anything is
 * begun.
 * @return INS_OK; INS_ERR_ARGUMENT (two stages of one name, one named like a variable or an axis of
 *         the root or like what keeps the books); INS_ERR_INTERNAL (names or types that files
 * cannot hold, two stages in the root) */
ins_status ins_store_check(size_t n_stages, ins_layout *const *stages) INS_CHECKED;

/** Lays out PATH: groups, axes, datasets, attributes, all tasks pending; in PATH.part, synced,
 * renamed. `attributes` is a map of texts and numbers for the file (Conventions and title are
 * added). Space is reserved, so that a full disk is known now. One rank only (no collective call).
 * A results file of ours at PATH is replaced, anything else is not.
 * @return INS_OK; INS_ERR_IO (cannot be created, no space: says how much is needed);
 * INS_ERR_ARGUMENT (something else lies at PATH); as ins_store_check; INS_ERR_MEMORY */
ins_status ins_store_create(const char *path, size_t n_stages, ins_layout *const *stages,
                            const ins_value *attributes) INS_CHECKED;

/** As ins_store_create, then copies from the results file OLD every row whose checksum holds and
 * whose coordinates are in the stage of the same name, and puts the new file in place of `path`.
 * OLD may be `path`, may have other lengths of its task axes, and may be damaged: unreadable rows
 * are left pending, and one that HDF5 does not open any more is searched for rows where the new
 * layout has them. Rows of a stage that may depend on an earlier one that is new or whose tasks are
 * others now (ins_layout.unread) are left pending too: they are computed again. Where no row was
 * found and damage may be why, the file that is replaced is kept as PATH.damaged. *n_kept = tasks
 * copied. One rank only. On failure `path` is as it was.
 * @return INS_OK; INS_ERR_ARGUMENT (variables or axes within rows differ: named; finished tasks of
 * `path` itself have no place in `stages`; OLD or PATH is not ours); INS_ERR_IO; INS_ERR_MEMORY */
ins_status ins_store_relayout(const char *path, const char *old, size_t n_stages,
                              ins_layout *const *stages, const ins_value *attributes,
                              size_t *n_kept) INS_CHECKED;

/** What an existing results file says about itself. ins_store_probe may be asked without stages
 * (0, NULL). No MPI. */
typedef struct ins_store_facts {
  bool exists, opens; /* `opens` false: present, but not a (whole) results file */
  bool ours;          /* a results file, if perhaps a damaged one; false: never to be overwritten */
  bool same_axes;     /* axes and variables are those of the stages asked about */
  char *job_json;     /* attribute `job`, or NULL */
  char *instruction_set; /* attribute, or NULL */
  ins_value *attributes; /* all global attributes */
} ins_store_facts;
ins_status ins_store_probe(const char *path, size_t n_stages, ins_layout *const *stages,
                           ins_store_facts *facts) INS_CHECKED;
void ins_store_facts_clear(ins_store_facts *facts);

/** *intact = everything in the file at PATH that runs do not write (headers, axes, constants,
 * attributes, the space between) is to the byte what ins_store_create would make now. It is when
 * the file is one of this job and this version of the program, and nothing has happened to it; rows
 * are not looked at (ins_store_verify). A file that is not intact is laid out anew by
 * ins_store_relayout, which keeps the rows that are whole. Where there is nothing to compare with
 * (no files in memory, no /proc) it counts as intact, with a warning. One rank only; milliseconds.
 * @return INS_OK; INS_ERR_IO (PATH cannot be read); as ins_store_check; INS_ERR_MEMORY */
ins_status ins_store_intact(const char *path, size_t n_stages, ins_layout *const *stages,
                            const ins_value *attributes, bool *intact) INS_CHECKED;

/** Opens PATH for writing rows. Collective over comm (also on failure: all ranks return the same
 * code and message). `stages` must be those of the file (else INS_ERR_ARGUMENT); comm and the
 * layouts must outlive the store. Refused (INS_ERR_IO) when a rank sees another file at PATH than
 * rank 0, or none; INS_ERR_ARGUMENT when PATH is a symbolic link; INS_ERR_FORMAT when its rows are
 * of other numbers or sizes than the layouts say, whatever its attributes claim. Within, each rank
 * has the file open for itself. */
ins_status ins_store_open(MPI_Comm comm, const char *path, size_t n_stages,
                          ins_layout *const *stages, ins_store **out) INS_CHECKED;
/** Collective. What any rank has written before can be read by every rank after, also on another
 * node. */
ins_status ins_store_sync(ins_store *store) INS_CHECKED;
/** Collective. Syncs, closes, destroys. INS_ERR_IO also when what was written did not reach the
 * disk or the file at its path is another one now, or none. */
ins_status ins_store_close(ins_store **store) INS_CHECKED;
/** As ins_store_close, but local, without a call of MPI about the communicator: for when other
 * ranks are lost. What goes wrong is not told. */
void ins_store_abandon(ins_store **store);

/** state[k] of tasks [first, first + n) of a stage: DONE and FAILED only where the row's checksum
 * holds. Of tasks that are all pending nothing but the status is read, one byte each. Local. */
ins_status ins_store_verify(ins_store *store, size_t stage, size_t first, size_t n,
                            uint8_t *state) INS_CHECKED;
/** state[k] of task[k], n of them in ascending order: what `status` says, without looking at rows
 * or checksums; values that are none of ins_task_state count as PENDING. Tells whether a row that
 * this run wrote, or verified, is there: cheap, a read for neighbours together. Local.
 * @return INS_OK; INS_ERR_IO (unreadable); INS_ERR_INTERNAL (out of range or order); INS_ERR_MEMORY
 */
ins_status ins_store_states(ins_store *store, size_t stage, size_t n, const size_t *task,
                            uint8_t *state) INS_CHECKED;

/** Writes rows of n tasks (ascending numbers) of a stage: data of every PER_TASK variable, then
 * error codes and status, then checksums. rows as in ins_batch; tasks with status[k] ==
 * INS_ERR_STOPPED are left out, failed tasks' rows are overwritten with NaN (integers: the fill
 * value). One H5Dwrite a variable for consecutive tasks. Local, independent I/O. */
ins_status ins_store_write(ins_store *store, size_t stage, size_t n, const size_t *task,
                           void *const *rows, const ins_status *status) INS_CHECKED;
/** Writes elements [first, first + count) of one row of a PER_TASK variable: for rows that no
 * single rank holds. The task must be pending (ins_store_unseal) and stays it until
 * ins_store_seal. Local, independent I/O. */
ins_status ins_store_write_part(ins_store *store, size_t stage, int variable, size_t task,
                                size_t first, size_t count, const void *data) INS_CHECKED;
/** Marks a task as pending again, before parts are written over rows that were done once: nobody
 * who looks meanwhile, or after a kill, takes it for done. Collective over the communicator of the
 * store. All ranks return the same: INS_ERR_IO (the books cannot be written); INS_ERR_INTERNAL (no
 * such stage or task). */
ins_status ins_store_unseal(ins_store *store, size_t stage, size_t task) INS_CHECKED;
/** Marks a task as done whose rows were written in parts, and synced (ins_store_sync): all ranks
 * read them for their checksum, each a share, in bounded memory (of a stage with task axes rank 0
 * reads them alone). Collective over the communicator of the store. All ranks return the same:
 * INS_ERR_IO (one of them cannot read, or the books cannot be written: the task stays pending);
 * INS_ERR_INTERNAL (no such stage or task); INS_ERR_MEMORY. */
ins_status ins_store_seal(ins_store *store, size_t stage, size_t task) INS_CHECKED;
/** Reads elements [first, first + count) of the rows of one PER_TASK variable for n tasks into out
 * [n][count]; a whole row has ins_layout_row elements. Local. */
ins_status ins_store_read(ins_store *store, size_t stage, int variable, size_t n,
                          const size_t *task, size_t first, size_t count, void *out) INS_CHECKED;
/** Writes row `group` of a SUMMARY variable. Local. */
ins_status ins_store_write_summary(ins_store *store, size_t stage, int variable, size_t group,
                                   const void *row) INS_CHECKED;

/** Size of the file that stages give, without making it. */
double ins_store_size(size_t n_stages, ins_layout *const *stages);

/** Counts for `insilico status`, from a file that may be in use by a run: reads status and
 * checksums with plain file access. `verify`: also recompute checksums. One process, no MPI calls.
 */
typedef struct ins_store_counts {
  char *name; /* of a stage: its group, "/" for the root */
  size_t n_tasks, n_done, n_failed, n_pending, n_damaged;
} ins_store_counts;
typedef struct ins_store_summary {
  size_t n_tasks, n_done, n_failed, n_pending, n_damaged; /* over all stages */
  size_t n_stages;
  ins_store_counts *stages; /* [n_stages], in the order they run */
  char *title, *experiment, *model;
  ins_value *attributes;
} ins_store_summary;
ins_status ins_store_summarise(const char *path, bool verify, ins_store_summary *out) INS_CHECKED;
void ins_store_summary_clear(ins_store_summary *summary);

#endif
