# SPDX-License-Identifier: MIT
"""Reads a results file whose stages have one task and no task axes: xarray, h5py and, where it is there, netCDF4."""
import subprocess
import sys
import tempfile
from pathlib import Path

import h5py
import numpy as np
import xarray as xr


def check_stage(ds, n):
    assert dict(ds.sizes) == {"neuron": n, "neuron_2": n, "feature": 5, "kind": 2}, ds.sizes
    assert ds.neuron.values.tolist() == ds.neuron_2.values.tolist() == [3 * i for i in range(n)]
    assert ds.kind.values.tolist() == ["ON", "OFF"] and "feature" not in ds.coords
    assert ds.status.dims == ds.error.dims == ds.checksum.dims == ()
    assert ds.status == 1 and ds.error == 0
    assert ds.matrix.dims == ("neuron", "neuron_2") and ds.mean_of.dims == ("feature",) and ds.total.dims == ()
    assert np.array_equal(ds.matrix.values.ravel(), 0.25 * np.arange(n * n, dtype="f4"))
    assert ds.matrix.sel(neuron=6, neuron_2=3) == 0.25 * (2 * n + 1)
    assert np.array_equal(ds["count"].sel(kind="OFF"), 7) and ds.total == -9
    # The recipe of docs/results-file.md for what is finished.
    assert np.isfinite(ds.where(ds.status == 1).matrix).all()


def check_sums(group):
    """The recipe of docs/results-file.md."""
    import xxhash

    info = group["checksum"].attrs
    seed, chunk = int(info["seed"][0]), int(info["chunk"][0])
    h = xxhash.xxh3_64(seed=seed)
    h.update(np.int64(0).tobytes() + np.int32(group["error"][()]).tobytes())
    for name in info["covers"].split():
        row = np.ascontiguousarray(group[name][()]).tobytes()
        for at in range(0, len(row), chunk):
            h.update(np.uint64(xxhash.xxh3_64_intdigest(row[at:at + chunk], seed)).tobytes())
    assert h.intdigest() == group["checksum"][()]


def main(example):
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "one.h5")
        subprocess.run([example, path], check=True)
        for group, n in (("one", 37), (None, 3)):
            with xr.open_dataset(path, engine="h5netcdf", group=group) as ds:
                check_stage(ds, n)
        with h5py.File(path) as file:
            for group in (file["one"], file):
                for name, dataset in group.items():
                    if isinstance(dataset, h5py.Group) or h5py.h5ds.is_scale(dataset.id):
                        continue
                    for dimension in dataset.dims:
                        (scale,) = dimension.values()
                        assert scale.parent == group, (dataset.name, scale.name)
            try:
                check_sums(file["one"])
                check_sums(file)
                print("checksums: recomputed")
            except ImportError:
                print("checksums: xxhash is not installed")
        try:
            import netCDF4
        except ImportError:
            print("netCDF4: not installed")
            return
        with netCDF4.Dataset(path) as file:
            assert file["one"]["matrix"].dimensions == ("neuron", "neuron_2")
            assert file["one"]["total"].dimensions == () and file["total"][...] == -9
            assert file["status"][...] == 1
        print("netCDF4: read")


main(sys.argv[1])
