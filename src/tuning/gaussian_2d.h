/* SPDX-License-Identifier: MIT */
/** Gaussians on an image: the usual description of a receptive field. Private to the room. */
#ifndef INSILICO_TUNING_GAUSSIAN_2D_H
#define INSILICO_TUNING_GAUSSIAN_2D_H

#include "insilico/status.h"

/** z[x,y] = offset + amplitude exp(-(u^2/sigma_major^2 + v^2/sigma_minor^2)/2), where u runs along
 * the long axis, u = (x-x0) cos(angle) + (y-y0) sin(angle), and v across it. Lengths in pixels:
 * column j and row i of an image are the point x = j, y = i (the middle of the pixel; rows run
 * downwards). */
typedef struct ins_gaussian_2d {
  double amplitude; /* of either sign */
  double x, y;
  double sigma_major, sigma_minor; /* sigma_major >= sigma_minor; equal when circular */
  double angle;                    /* radians in [0, pi), from the columns towards the rows; 0 when
                                      circular */
  double offset;
  double r2; /* explained variance of the pixels: 1 - SS of the residuals / SS about the mean */
  bool converged; /* and not at the edge of what was searched; else the numbers mean nothing */
} ins_gaussian_2d;

enum {
  INS_GAUSSIAN_CIRCULAR = 1, /* one sigma */
  INS_GAUSSIAN_OFFSET = 2    /* else offset = 0 */
};

/** Least squares fit to image[H,W]. Searched: centres on the image, sigmas from a fifth of a pixel
 * to twice the longer side, both signs. Pixels that are not finite are left out. An image without
 * any variance, with fewer pixels than numbers to find, or with fewer than 3 rows or columns is not
 * converged, all else NaN.
 * @return INS_OK; INS_ERR_MEMORY */
ins_status ins_gaussian_2d_fit(size_t height, size_t width, const double *image, unsigned flags,
                               ins_gaussian_2d *out) INS_CHECKED;
/** The value of g at (x,y). */
double ins_gaussian_2d_at(const ins_gaussian_2d *g, double x, double y);

#endif
