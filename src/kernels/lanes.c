/* SPDX-License-Identifier: MIT */
/* The vector kernels. This file is compiled once for each instruction set, with other options and
 * another name of its only symbol (CMakeLists.txt). */
#include "lanes_backward.h"
#include "lanes_dense.h"
#include "lanes_forward.h"
#include "lanes_masked.h"
#include "lanes_nonlinear.h"
#include "lanes_patched.h"
#include "lanes_pointwise.h"

#ifndef INS_PATH
#define INS_PATH generic
#endif
#define INS_JOIN_(a, b) a##b
#define INS_JOIN(a, b)  INS_JOIN_(a, b)
#define INS_STRING_(a)  #a
#define INS_STRING(a)   INS_STRING_(a)

const ins_kernels INS_JOIN(ins_kernels_, INS_PATH) = {
    .name = INS_STRING(INS_PATH),
    .lanes = VL,
    .temporal = temporal,
    .spatial = spatial,
    .activate = activate,
    .spread = spread,
    .gather = gather,
    .gather_time = gather_time,
    .gather_time_sum = gather_time_sum,
    .mask_sum = mask_sum,
    .patch_sum = patch_sum,
    .mask_spread = mask_spread,
    .dense = dense,
    .nonlinear = nonlinear,
    .multiply = multiply,
    .to_planar = to_planar,
    .to_lanes = to_lanes,
};
