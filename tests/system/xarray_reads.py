# SPDX-License-Identifier: MIT
"""xarray opens a results file in three lines, with every axis labelled (as README shows).

    xarray_reads.py RESULTS.h5
"""

import sys

import numpy as np

# The three lines of README.
import xarray as xr
results = xr.open_dataset(sys.argv[1], engine="h5netcdf")
best = results.best_stimulus.sel(neuron=3, seed=1, **{"optimizer.lr": 10.0})

assert best.dims == ("channel", "frame", "y", "x"), best.dims
assert [str(c) for c in results.channel.values] == ["green", "uv"], results.channel.values
assert results.best_stimulus.dims[:3] == ("neuron", "seed", "optimizer.lr")
for name, variable in results.variables.items():
    for dim in variable.dims:
        assert dim in results.sizes, (name, dim)
for dim in ("neuron", "seed", "optimizer.lr", "frame", "y", "x", "response_frame"):
    if dim in results.sizes:
        assert dim in results.coords, f"{dim} has no coordinates"
assert results.frame.attrs["units"] == "s" and results.x.attrs["units"] == "um"
assert np.allclose(np.diff(results.frame.values), 1 / 30)
assert (results.status == 1).all(), "not all tasks are done"
assert np.isfinite(results.objective).all()
assert np.isfinite(best).all() and float(abs(best).max()) > 0
norm = np.sqrt((results.best_stimulus**2).sum(("channel", "frame", "y", "x")))
assert float(norm.max()) < 5.0 + 1e-4, float(norm.max())
assert results.attrs["experiment"] == "stimulus_optimization"
print(results)
