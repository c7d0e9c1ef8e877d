# SPDX-License-Identifier: MIT
"""Reads an example results file the way its users will: xarray, h5py and, where it is there, netCDF4."""
import subprocess
import sys
import tempfile
from pathlib import Path

import h5py
import numpy as np
import xarray as xr

NEURONS, SEEDS, RATES = [10, 20, 30], [1, 2, 3, 5], [0.1, 10.0]


def expected(neuron, seed, rate, variable, element):
    return (37 * (37 * neuron + seed) + rate) + 0.001 * element + variable


def check_xarray(path):
    with xr.open_dataset(path, engine="h5netcdf") as ds:
        assert list(ds.sizes) == ["neuron", "seed", "optimizer.lr", "channel", "frame", "y"], ds.sizes
        assert ds.neuron.values.tolist() == NEURONS and ds.seed.values.tolist() == SEEDS
        assert ds["optimizer.lr"].values.tolist() == RATES
        assert ds.channel.values.tolist() == ["green", "UV"]
        assert ds.cell_type.dims == ("neuron",) and ds.cell_type.values.tolist() == ["ON \u03b1", "OFF", ""]
        assert ds.frame.attrs["units"] == "s" and "y" not in ds.coords
        assert ds.mei.dims == ("neuron", "seed", "optimizer.lr", "channel", "frame", "y")
        assert ds.mei.attrs == {"units": "1", "long_name": "most exciting input", "source": "gradient ascent"}
        one = ds.mei.sel(neuron=20, seed=5, channel="UV").sel({"optimizer.lr": 10.0})
        want = [[expected(20, 5, 10.0, 0, 15 + 3 * f + y) for y in range(3)] for f in range(5)]
        assert np.array_equal(one.values, np.array(want, "f4")), one.values
        assert ds.mean_mei.dims == ("neuron", "optimizer.lr", "frame", "y")
        assert ds.stim_mean.sel(channel="green") == 37.4 and ds.gain == 2.5
        assert ds.status.dtype == "int8" and ds.status.attrs["flag_meanings"] == "pending done failed"
        assert ds.error.attrs["flag_meanings"].split()[9] == "numeric"
        assert ds.outcome.attrs["flag_meanings"] == "converged patience out_of_iterations"
        assert ds.outcome.attrs["flag_values"].dtype == "int8"
        assert ds.attrs["Conventions"] == "CF-1.8" and ds.attrs["title"] == "a small results file"
        assert ds.attrs["seed"] == -7 and ds.attrs["dt_s"] == 0.05 and ds.attrs["model"] == "sha256:1234 \u00b5"
        assert "nothing" not in ds.attrs
        # The recipe of docs/results-file.md for what is finished.
        good = ds.where(ds.status == 1)
        assert int((ds.status == 2).sum()) == 1 and int((ds.status == 0).sum()) == 1
        assert int(np.isfinite(good.response).sum()) == 22
        failed = ds.isel({"neuron": 0, "seed": 2, "optimizer.lr": 1})
        assert failed.status == 2 and failed.error == 9 and np.isnan(failed.mei).all()
        assert np.isnan(failed.peak_frame).all() and np.isnan(failed.outcome)


def check_scales(path):
    """Every dimension of every dataset has a scale, and times are not kept."""
    with h5py.File(path) as file:
        for name, dataset in file.items():
            for axis, dimension in enumerate(dataset.dims):
                is_text_axis = "_Netcdf4Coordinates" in dataset.attrs
                assert h5py.h5ds.is_scale(dataset.id) or len(dimension) == 1, (name, axis)
                for scale in dimension.values():
                    assert h5py.h5ds.is_attached(dataset.id, scale.id, axis), (name, axis)
                assert not is_text_axis or dataset.ndim == 2
            assert dataset.chunks is None and not dataset.id.get_create_plist().get_obj_track_times()
        assert file["mei"].id.get_offset() > file["status"].id.get_offset()


def check_netcdf(path):
    try:
        import netCDF4
    except ImportError:
        return False
    with netCDF4.Dataset(path) as file:
        assert file["mei"].dimensions == ("neuron", "seed", "optimizer.lr", "channel", "frame", "y")
        assert file.dimensions["y"].size == 3 and "y" not in file.variables
        assert list(file["channel"][:]) == ["green", "UV"]
        assert file["outcome"][0, 2].mask.tolist() == [False, True]
        assert np.isclose(file["response"][1, 3, 1], expected(20, 5, 10.0, 1, 0))
    return True


def check_sums(path):
    """The recipe of docs/results-file.md."""
    try:
        import xxhash
    except ImportError:
        return False
    with h5py.File(path) as file:
        info = file["checksum"].attrs
        for task in (0, 5, 22):
            where = np.unravel_index(task, file["status"].shape)
            hasher = xxhash.xxh3_64(seed=int(info["seed"][0]))
            hasher.update(np.int64(task).tobytes() + np.int32(file["error"][where]).tobytes())
            for name in info["covers"].split():
                hasher.update(np.ascontiguousarray(file[name][where]).tobytes())
            assert hasher.intdigest() == file["checksum"][where], task
        assert file["channel"][:].view("S5").ravel().tolist() == [b"green", b"UV"]
    return True


def check_while_written(example, path):
    """A file that is being written can be read, and reading it does not disturb the writer."""
    with subprocess.Popen([example, path, "wait"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout.readline() == "half\n"
        with xr.open_dataset(path, engine="h5netcdf") as ds:
            assert int((ds.status == 0).sum()) == 12 and int((ds.status == 1).sum()) == 11
            assert np.isnan(ds.mean_mei).all()
            assert np.isfinite(ds.response.where(ds.status == 1)).sum() == 11
        status = subprocess.run([example, "status", path], check=True, stdout=subprocess.PIPE, text=True)
        assert status.stdout.split() == ["24", "11", "1", "12", "0"], status.stdout
        run.stdin.close()
        assert run.wait(60) == 0


def check_stages(path):
    """Several stages: each in its group, the indices in the root."""
    with xr.open_dataset(path, engine="h5netcdf") as ds:
        assert list(ds.sizes) == ["neuron"] and ds.neuron.values.tolist() == NEURONS, ds.sizes
        assert list(ds.data_vars) == ["status", "error", "checksum", "dsi", "dsi_valid", "dsi_q"], list(ds)
        assert ds.dsi_q.dims == ("neuron",) and ds.dsi_q.values.tolist() == [0, 0.25, 0.5]
        assert ds.attrs["title"] == "a battery" and ds.attrs["stages"] == "receptive_field moving_bar flash / nothing"
    with xr.open_dataset(path, engine="h5netcdf", group="receptive_field") as ds:
        assert ds.spatial.dims == ("neuron", "channel", "y") and ds.channel.values.tolist() == ["green", "UV"]
        assert ds.cell_type.values.tolist() == ["ON", "OFF", "?"] and (ds.status == 1).all()
        assert ds.area.attrs["units"] == "um2" and "y" not in ds.coords
    with xr.open_dataset(path, engine="h5netcdf", group="moving_bar") as ds:
        assert ds.response.dims == ("neuron", "direction_deg", "response_frame")
        assert ds.direction_deg.values.tolist() == [0, 90, 180, 270] and ds.response_frame.attrs["units"] == "s"
        one = ds.response.sel(neuron=20, direction_deg=90)
        assert np.array_equal(one.values, np.array([37 * 20 + 90 + 0.001 * t for t in range(6)], "f4")), one.values
        failed = ds.isel(neuron=1, direction_deg=3)
        assert failed.status == 2 and failed.error == 9 and np.isnan(failed.response).all()
        assert int((ds.status == 1).sum()) == 11
    with xr.open_dataset(path, engine="h5netcdf", group="nothing") as ds:
        assert ds.status.dims == () and ds.status == 1
    numbers = []
    with h5py.File(path) as file:
        for group in (file[name] for name in file.attrs["stages"].split()):
            for name, dataset in group.items():
                if isinstance(dataset, h5py.Group):
                    continue
                if h5py.h5ds.is_scale(dataset.id):
                    numbers.append(int(dataset.attrs["_Netcdf4Dimid"]))
                    continue
                for dimension in dataset.dims:
                    # Its own group's scale, also where other groups have an axis of the same name.
                    (scale,) = dimension.values()
                    assert scale.parent == group, (dataset.name, scale.name)
        bulk = file["receptive_field/spatial"].id.get_offset()
        for name in ("status", "moving_bar/checksum", "receptive_field/cell_type"):
            assert file[name].id.get_offset() < bulk, name
    assert sorted(numbers) == list(range(len(numbers))), numbers
    try:
        import netCDF4
    except ImportError:
        return
    with netCDF4.Dataset(path) as file:
        assert set(file.groups) == {"receptive_field", "moving_bar", "flash", "nothing"}
        assert file["moving_bar/response"].dimensions == ("neuron", "direction_deg", "response_frame")
        assert file["dsi_q"][:].tolist() == [0, 0.25, 0.5]


def main(example):
    with tempfile.TemporaryDirectory() as folder:
        first, second = (str(Path(folder) / name) for name in ("first.h5", "second.h5"))
        check_while_written(example, first)
        subprocess.run([example, second], check=True)
        assert Path(first).read_bytes() == Path(second).read_bytes(), "being read changed the file"
        stages = str(Path(folder) / "stages.h5")
        subprocess.run([example, "stages", stages], check=True)
        check_stages(stages)
        status = subprocess.run([example, "status", stages], check=True, stdout=subprocess.PIPE, text=True)
        assert status.stdout.split() == ["25", "24", "1", "0", "0"], status.stdout
        check_xarray(second)
        check_scales(second)
        print("netCDF4:", "read" if check_netcdf(second) else "not installed")
        print("checksums:", "recomputed" if check_sums(second) else "xxhash is not installed")


main(sys.argv[1])
