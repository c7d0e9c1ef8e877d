#!/bin/sh
# SPDX-License-Identifier: MIT
# A battery of several stages gives the same bytes on any number of ranks, and is read by xarray, group by group:
# tuning.sh PYTHON
. "$(dirname "$0")/lib.sh"
here=$(cd "$(dirname "$0")" && pwd)
job="$here/small_tuning.yaml"
for ranks in 1 2 3; do
  run $ranks "$job" output="$scratch/$ranks.h5" || fail "$ranks ranks"
done
same "$scratch/1.h5" "$scratch/2.h5" "1 and 2 ranks"
same "$scratch/1.h5" "$scratch/3.h5" "1 and 3 ranks"

"$1" - "$scratch/1.h5" <<'END' || fail "xarray does not read what it should"
import sys
import numpy as np
import xarray as xr

path = sys.argv[1]
cells = xr.open_dataset(path, engine="h5netcdf")
assert cells.dsi.dims == ("neuron",) and cells.dsi_vector_sum_q.dims == ("neuron",)
assert list(cells.neuron.values) == [0, 1, 3, 4, 7, 10]
assert (cells.status == 1).all()
for name, variable in cells.data_vars.items():
    if name.endswith("_valid"):
        value = cells[name[:-6]]
        assert np.isfinite(value.values[variable.values == 1]).all(), name
        assert value.attrs["source"], name
flash = xr.open_dataset(path, engine="h5netcdf", group="flash")
spot = xr.open_dataset(path, engine="h5netcdf", group="spot")
bars = xr.open_dataset(path, engine="h5netcdf", group="moving_bar")
assert flash.response.dims == ("contrast", "neuron", "response_frame"), flash.response.dims
assert bars.trial_response.dims == ("neuron", "direction_deg", "repeat"), bars.trial_response.dims
assert bars.direction_deg.attrs["units"] == "deg" and bars.response_frame.attrs["units"] == "s"
assert float(abs(bars.response_frame).min()) == 0

# What the file says of itself can be recomputed from what it holds.
np.testing.assert_allclose(bars.used_width_um[:, 0], 3 * cells.sigma_um, rtol=1e-6)
vectors = (bars.tuning_curve * np.exp(1j * np.deg2rad(bars.direction_deg))).sum("direction_deg")
np.testing.assert_allclose(np.abs(vectors) / bars.tuning_curve.sum("direction_deg"), cells.dsi_vector_sum, rtol=1e-5)
best = spot.tuning_curve.max(("contrast", "diameter_um"))
refined = xr.open_dataset(path, engine="h5netcdf", group="spot_refined")
np.testing.assert_allclose(refined.grid_response, best, rtol=1e-6)
assert (refined.response >= refined.grid_response * (1 - 1e-6)).all()
p = np.sort(cells.dsi_vector_sum_p.values)
q = np.minimum.accumulate((p * p.size / np.arange(1, p.size + 1))[::-1])[::-1]
np.testing.assert_allclose(np.sort(cells.dsi_vector_sum_q.values), q)
END

# More neurons: what the first ones saw at their own places is kept, and the file is that of a fresh run.
run 2 "$job" output="$scratch/more.h5" neurons=0,1,3 || fail "three neurons"
run 2 "$job" output="$scratch/more.h5" || fail "three more"
kept=$(grep -o '"kept":[0-9]*' "$scratch/more.h5.journal.jsonl" "$scratch/more.journal.jsonl" 2>/dev/null | tail -1 | grep -o '[0-9]*$')
[ "${kept:-0}" -ge 50 ] || fail "only ${kept:-0} tasks were kept"
same "$scratch/1.h5" "$scratch/more.h5" "at once and grown by three neurons ($kept tasks kept)"
