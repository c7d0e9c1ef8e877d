/* SPDX-License-Identifier: MIT */
/** Names shared by the writer, the reader and the one who tells file formats apart. */
#ifndef CHECKPOINT_NATIVE_H
#define CHECKPOINT_NATIVE_H

/* The file opens with this line, in the block that HDF5 leaves to its users. */
#define INS_NATIVE_MAGIC "insilico model file 1\n"
enum { INS_NATIVE_BLOCK = 512, INS_NATIVE_MAX_DEPTH = 250 };

#endif
