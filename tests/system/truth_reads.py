# SPDX-License-Identifier: MIT
"""Compares what the tuning battery found in the built-in retina with what was planted there.

    truth_reads.py RESULTS.h5
"""

import sys

import numpy as np
import xarray as xr

cells = xr.open_dataset(sys.argv[1], engine="h5netcdf")
failed = []


def check(what, holds, found):
    print(f"{what:58} {found:>22}  {'ok' if holds else 'FAILED'}")
    if not holds:
        failed.append(what)


def share(mask):
    return float(np.mean(mask))


# --- directions -----------------------------------------------------------------------------------
truth = cells.truth_preferred_direction_deg.values
planted = np.isfinite(truth)
selective = ((cells.dsi_vector_sum > 0.2) & (cells.dsi_vector_sum_q < 0.05)).values
error = np.abs((cells.preferred_direction_deg.values - truth + 180) % 360 - 180)[selective & planted]
check("direction-selective cells that are found", share(selective[planted]) >= 0.99,
      f"{selective[planted].sum()} of {planted.sum()}")
check("other cells that pass for selective", share(selective[~planted]) <= 0.01,
      f"{selective[~planted].sum()} of {(~planted).sum()}")
check("direction within 5 degrees, 90 % asked for", share(error < 5) >= 0.90, f"{share(error < 5):.1%}")
check("direction within 10 degrees, 99 % asked for", share(error < 10) >= 0.99,
      f"worst {error.max():.2f} deg")

# The same from the noisy repeats alone, as from a recording.
bars = xr.open_dataset(sys.argv[1], engine="h5netcdf", group="moving_bar")
noisy = bars.trial_response.mean("repeat").transpose("neuron", "direction_deg").values
vectors = (noisy * np.exp(1j * np.deg2rad(bars.direction_deg.values))).sum(1) / noisy.sum(1)
selective = (np.abs(vectors) > 0.2) & (cells.dsi_vector_sum_q.values < 0.05)
error = np.abs((np.rad2deg(np.angle(vectors)) - truth + 180) % 360 - 180)[selective & planted]
check("from repeats: selective cells that are found", share(selective[planted]) >= 0.99,
      f"{selective[planted].sum()} of {planted.sum()}")
check("from repeats: others that pass for selective", share(selective[~planted]) <= 0.01,
      f"{selective[~planted].sum()} of {(~planted).sum()}")
check("from repeats: within 5 degrees, 90 % asked for", share(error < 5) >= 0.90, f"{share(error < 5):.1%}")
check("from repeats: within 10 degrees, 99 % asked for", share(error < 10) >= 0.99,
      f"worst {error.max():.2f} deg")

# Gratings, shown to all at once, agree with the bars that each cell saw at its place.
error = np.abs((cells.grating_preferred_direction_deg.values - truth + 180) % 360 - 180)[planted]
check("direction by gratings within 10 degrees", share(error < 10) == 1, f"worst {error.max():.2f} deg")

# --- light and dark, colours ----------------------------------------------------------------------
right = cells.polarity.values == cells.truth_polarity.values
check("polarity (ON, OFF, both)", right.all(), f"{right.sum()} of {right.size}")
colour = cells.truth_colour_preference.values
green = np.sign(np.round(cells.colour_preference.values, 2)) == np.sign(np.round(colour, 2))
check("preferred colour", green.all(), f"{green.sum()} of {green.size}")
linear = np.abs(cells.field_colour_preference.values - colour)
check("colour preference of the linear field within 0.05", linear.max() < 0.05, f"worst {linear.max():.4f}")

# --- places and sizes -----------------------------------------------------------------------------
place = np.hypot(cells.x_px - cells.truth_x_px, cells.y_px - cells.truth_y_px).values
check("receptive-field centre within half a pixel", place.max() < 0.5, f"worst {place.max():.4f} px")
size = np.abs(cells.sigma_um / cells.truth_sigma_um - 1).values
check("receptive-field size within 10 %", size.max() < 0.10, f"worst {size.max():.2%}")

for name in ("dsi_vector_sum", "polarity", "colour_preference", "x_px", "sigma_um"):
    check(f"{name} is valid", bool((cells[f"{name}_valid"] == 1).all()), "everywhere")
sys.exit(len(failed) > 0)
