#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Small .npy and HDF5 files for the tests of room data. The outputs are committed under tests/data/arrays;
run this again only to change them. Needs numpy and h5py."""

from pathlib import Path

import h5py
import numpy as np

ARRAYS = Path(__file__).resolve().parent / "arrays"


def write_npy() -> None:
    x = np.arange(24).reshape(2, 3, 4)
    for version in ((1, 0), (2, 0), (3, 0)):
        with open(ARRAYS / f"version_{version[0]}.npy", "wb") as file:
            np.lib.format.write_array(file, x.astype("<f4"), version=version)
    np.save(ARRAYS / "fortran.npy", np.asfortranarray(x.astype("<f8")))
    np.save(ARRAYS / "big_endian.npy", x.astype(">i2"))
    np.save(ARRAYS / "fortran_big_endian.npy", np.asfortranarray(x.astype(">f4")))
    for name in ("u1", "u2", "u4", "u8", "i1", "i8", "f2", "b1"):
        np.save(ARRAYS / f"type_{name}.npy", np.array([0, 1, 200 if name[0] == "u" else 100], dtype=name))
    np.save(ARRAYS / "scalar.npy", np.float32(2.5))
    np.save(ARRAYS / "empty.npy", np.zeros((3, 0, 2), dtype="<f4"))
    np.save(ARRAYS / "objects.npy", np.array([None], dtype=object), allow_pickle=True)
    np.save(ARRAYS / "structured.npy", np.zeros(2, dtype=[("a", "<f4")]))
    np.save(ARRAYS / "texts.npy", np.array(["a"]))
    np.save(ARRAYS / "complex.npy", np.zeros(2, dtype="c8"))


def write_h5() -> None:
    x = np.arange(24).reshape(2, 3, 4)
    with h5py.File(ARRAYS / "several.h5", "w") as f:
        f["stimulus"] = x.astype("<f4")
        f["group/big_endian"] = x.astype(">f8")
        f["group/half"] = x.astype("<f2")
        f["integers"] = x.astype("<u2")
        f["truth"] = x % 2 == 0
        f["texts"] = ["a", "b"]
        f["scalar"] = 4.5
        f["a:b"] = x.astype("i1")
        f.create_dataset("deflated", data=np.zeros((100, 100), "<f4") + 3, compression="gzip")
        f.create_dataset("promised", shape=(1 << 20, 1 << 20), dtype="<f4", chunks=(1024, 1024))
        f["complex"] = np.zeros(2, dtype="c8")
    with h5py.File(ARRAYS / "one.h5", "w") as f:
        f["only"] = x.astype("<i4")
    with h5py.File(ARRAYS / "none.h5", "w") as f:
        f.create_group("empty")


def main() -> None:
    ARRAYS.mkdir(exist_ok=True)
    write_npy()
    write_h5()
    for path in sorted(ARRAYS.iterdir()):
        print(path.name, path.stat().st_size)


if __name__ == "__main__":
    main()
