#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Small torch files for the tests of room checkpoint, written by torch itself and by hand.

The outputs are committed under tests/checkpoint/data; run this again only to change them.
Needs torch and numpy; the hostile files are made by hand, byte by byte.
"""

from __future__ import annotations

import collections
import enum
import functools
import io
import os
import pathlib
import pickle
import struct
import zipfile
from pathlib import Path

import numpy as np
import torch
from torch.serialization import set_crc32_options

DATA = Path(__file__).resolve().parent / "data"


class Colour(enum.Enum):
    GREEN = 1


class Thing:
    """A class that readers elsewhere cannot know."""

    def __init__(self) -> None:
        self.rate_hz = 30.0
        self._parent = self


def tensors() -> dict:
    """Every element type, views, strides, shared storages."""
    base = torch.arange(24, dtype=torch.float32)
    types = {
        "f32": torch.float32, "f64": torch.float64, "f16": torch.float16, "bf16": torch.bfloat16,
        "i8": torch.int8, "i16": torch.int16, "i32": torch.int32, "i64": torch.int64,
        "u8": torch.uint8, "bool": torch.bool, "u16": torch.uint16, "u32": torch.uint32,
        "u64": torch.uint64,
    }  # fmt: skip
    out = {name: torch.tensor([0, 1, 2]).to(dtype) for name, dtype in types.items()}
    out["transposed"] = base.reshape(4, 6).T
    out["every_second"] = base[1::2]
    out["offset"] = base.reshape(4, 6)[1:3, 2:5]
    out["expanded"] = torch.tensor([5.0]).expand(2, 3)
    out["scalar"] = torch.tensor(7.5)
    out["empty"] = torch.zeros(0, 4)
    out["parameter"] = torch.nn.Parameter(torch.ones(2))
    out["complex"] = torch.ones(2, dtype=torch.complex64)
    return out


def values() -> dict:
    """What data_info may hold besides tensors."""
    shared = [1, 2]
    cycle: list = []
    cycle.append(cycle)
    return {
        "none": None, "true": True, "int": -5, "big": 2**70, "real": 0.1, "nan": float("nan"),
        "text": "µm", "bytes": b"\x00\xff", "tuple": (1, "a"), "set": {3}, "shared": [shared, shared],
        "cycle": cycle, 4: "four", (1, 2): "pair",
        "ordered": collections.OrderedDict([("b", 1), ("a", 2)]),
        "default": collections.defaultdict(list, {"k": [1]}), "size": torch.Size([2, 3]),
        "dtype": torch.float16, "device": torch.device("cpu"),
        "path": pathlib.PurePosixPath("/data/run 1"), "colour": Colour.GREEN, "thing": Thing(),
        "partial": functools.partial(torch.nn.functional.softplus, beta=2),
        "np_f32": np.arange(6, dtype=np.float32).reshape(2, 3),
        "np_fortran": np.asfortranarray(np.arange(6, dtype=np.int64).reshape(2, 3)),
        "np_big_endian": np.arange(3, dtype=">i4"), "np_bool": np.array([True, False]),
        "np_u16": np.array([65535], dtype=np.uint16), "np_text": np.array([["a", "bcd"], ["µ", ""]]),
        "np_bytes": np.array([b"ab", b"c"]), "np_object": np.array([{"x": 1}, None], dtype=object),
        "np_scalar": np.float32(0.5), "np_int": np.int16(-3), "np_true": np.True_,
        "np_text_scalar": np.str_("left"), "np_dtype": np.dtype("<f4"), "np_empty": np.zeros((0, 3)),
        "np_complex": np.ones(2, dtype=np.complex128),
    }  # fmt: skip


def write_torch(name: str, content: object, **options) -> None:
    torch.save(content, DATA / name, **options)


def write_zip(name: str, members: list[tuple[str, bytes]], method: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as z:
        for member, content in members:
            z.writestr(zipfile.ZipInfo(member), content, method)
    (DATA / name).write_bytes(buffer.getvalue())
    return buffer.getvalue()


class System:
    """Pickles to a call of os.system: what a hostile checkpoint does."""

    def __reduce__(self) -> tuple:
        return os.system, ("touch /tmp/insilico_test_was_run",)


def patched(name: str, source: bytes, at: int, new: bytes) -> None:
    (DATA / name).write_bytes(source[:at] + new + source[at + len(new) :])


def text(s: str) -> bytes:
    return b"X" + struct.pack("<I", len(s)) + s.encode()


def numbers(values: tuple) -> bytes:
    return b"(" + b"".join(b"J" + struct.pack("<i", v) for v in values) + b"t"


def tensor_pickle(size: tuple, stride: tuple) -> bytes:
    """{'x': a view of storage '0', which has one float}, instruction by instruction."""
    storage = b"(" + text("storage") + b"ctorch\nFloatStorage\n" + text("0") + text("cpu") + b"K\x01tQ"
    hooks = b"ccollections\nOrderedDict\n)R"
    arguments = b"(" + storage + b"K\x00" + numbers(size) + numbers(stride) + b"\x89" + hooks + b"t"
    return b"\x80\x02}" + text("x") + b"ctorch._utils\n_rebuild_tensor_v2\n" + arguments + b"Rs."


def hostile() -> None:
    """Calls, exploding references, and ZIP files that lie."""
    write_zip("system.pt", [("a/data.pkl", pickle.dumps({"x": System()}, 2)), ("a/version", b"3\n")])
    core = {"state_dict": {}, "hyper_parameters": {"core": System(), "readout": {}}}
    write_zip("system_core.ckpt", [("a/data.pkl", pickle.dumps(core, 2))])
    write_zip("two_lines.pt", [("a/data.pkl", pickle.dumps({"a\nb\x1b[2J": 1}, 2))])
    laughs: list = ["ha"] * 10
    for _ in range(12):
        laughs = [laughs] * 10
    write_zip("laughs.pt", [("a/data.pkl", pickle.dumps({"x": laughs}, 2))])
    write_zip("deep.pt", [("a/data.pkl", b"\x80\x02" + b"]" * 5000 + b"a" * 4999 + b".")])
    write_zip("empty.pt", [("a/data.pkl", pickle.dumps({}, 2))])
    write_zip("foreign.zip", [("readme.txt", b"no model")])
    # A view of 10^12 elements by strides of zero, and one that leaves its storage.
    for name, size, stride in (
        ("wide_view.pt", (10**6, 10**6), (0, 0)),
        ("beyond_storage.pt", (9,), (1,)),
        ("overflow.pt", (2**31 - 1, 2**31 - 1, 2**31 - 1), (2**31 - 1, 2**31 - 1, 2**31 - 1)),
    ):
        write_zip(name, [("a/data.pkl", tensor_pickle(size, stride)), ("a/data/0", bytes(4))])

    # Deflated: fine. Zeros that unfold 1000 times: refused.
    write_zip("deflated.pt", [("a/data.pkl", pickle.dumps({"x": list(range(100))}, 2))],
              zipfile.ZIP_DEFLATED)
    write_zip("bomb.pt", [("a/data.pkl", b"\x80\x02" + b"N0" * 35_000_000 + b"N.")],
              zipfile.ZIP_DEFLATED)

    plain = write_zip("plain.pt", [("a/data.pkl", pickle.dumps({"x": 1}, 2)), ("a/version", b"3\n")])
    directory = plain.index(b"PK\x01\x02")
    second = plain.index(b"PK\x01\x02", directory + 4)
    patched("lies_larger.pt", plain, directory + 24, struct.pack("<I", 10**9))
    patched("lies_smaller.pt", plain, directory + 24, struct.pack("<I", 3))
    patched("beyond.pt", plain, directory + 20, struct.pack("<I", 10**9))
    patched("overlapping.pt", plain, second + 42, struct.pack("<I", 5))
    patched("encrypted.pt", plain, directory + 8, struct.pack("<H", 1))
    patched("bad_crc.pt", plain, directory + 16, struct.pack("<I", 12345))
    # A pre-1.6 file: no ZIP.
    torch.save({"x": torch.ones(2)}, DATA / "before_1_6.pt", _use_new_zipfile_serialization=False)


def old_torch() -> None:
    """Files of torch before 1.6: what torch writes on request, and what only older ones wrote."""
    for name, content in (("old_tensors.pt", tensors()), ("old_values.pt", values())):
        if name == "old_tensors.pt":
            # The old form has no element types that came after it.
            content = {k: v for k, v in content.items() if k not in ("u16", "u32", "u64")}
        torch.save(content, DATA / name, _use_new_zipfile_serialization=False)
    plain = io.BytesIO()
    torch.save({"x": torch.ones(2)}, plain, _use_new_zipfile_serialization=False)
    whole = plain.getvalue()
    head = whole[: whole.index(b"}q\x00X\x01\x00\x00\x00x") - 2]
    # A view of a storage, as before torch 0.4: elements 1 to 4 of six, and of these two from the first on.
    storage = b"(" + text("storage") + b"ctorch\nFloatStorage\n" + text("77") + text("cuda:0") + b"K\x06"
    view = storage + b"(" + text("78") + b"K\x01K\x03ttQ"
    arguments = b"(" + view + b"K\x01(K\x02t(K\x01tt"
    object_ = b"\x80\x02}" + text("v") + b"ctorch._utils\n_rebuild_tensor\n" + arguments + b"Rs."
    keys = pickle.dumps(["77"], 2)
    data = struct.pack("<q", 6) + np.arange(6, dtype="<f4").tobytes()
    (DATA / "old_view.pt").write_bytes(head + object_ + keys + data)
    beyond = object_.replace(b"K\x01K\x03ttQ", b"K\x01K\x02ttQ")
    (DATA / "old_view_beyond.pt").write_bytes(head + beyond + keys + data)
    (DATA / "old_cut.pt").write_bytes(whole[:-4])
    (DATA / "old_count.pt").write_bytes(whole[:-16] + struct.pack("<q", 2**61) + whole[-8:])
    stranger = head + pickle.dumps({}, 2) + pickle.dumps(["9"], 2) + data
    (DATA / "old_stranger.pt").write_bytes(stranger)
    loop = head + b"\x80\x02]q\x00h\x00a." + pickle.dumps([], 2)
    (DATA / "old_loop.pt").write_bytes(loop)
    deep = head + b"\x80\x02" + b"]" * 5000 + b"a" * 4999 + b"." + pickle.dumps([], 2)
    (DATA / "old_deep.pt").write_bytes(deep)
    (DATA / "old_system.pt").write_bytes(head + pickle.dumps({"x": System()}, 2) + pickle.dumps([], 2))


def pickles() -> None:
    """Bare pickles, and what hides in files."""
    info = {
        "stim_mean": 37.9, "neuron_ids": np.arange(5, dtype=np.int64), "traces": np.ones((2, 3)),
        "names": np.array(["a", "bc"]), "sessions": {"s1": (1, 2)}, "none": None,
    }  # fmt: skip
    for protocol in (2, 4, 5):
        (DATA / f"info_{protocol}.pkl").write_bytes(pickle.dumps(info, protocol))
    harmless = pickle.dumps({"x": [1, 2]}, 4)
    (DATA / "second.pkl").write_bytes(harmless + pickle.dumps(System(), 4))
    (DATA / "broken_later.pkl").write_bytes(pickle.dumps([System(), 1], 2)[:-3] + b"\xff.")
    escape = b"cbuiltins\ngetattr\n(cos\npath\n" + text("sys\x1b[31mtem") + b"tR."
    (DATA / "getattr.pkl").write_bytes(b"\x80\x02" + escape)
    # A name put together while loading, one reached through a module's own imports, and a changed class.
    (DATA / "computed.pkl").write_bytes(
        b"\x80\x04cbuiltins\nstr\n(C\x02osX\x05\x00\x00\x00asciitRX\x06\x00\x00\x00system\x93.")
    (DATA / "nested.pkl").write_bytes(b"\x80\x04" + text("numpy") + text("os.system") + b"\x93(" + text("ls") + b"tR.")
    (DATA / "changed_class.pkl").write_bytes(b"\x80\x02ctorch.nn.modules.module\nModule\n}" + text("x") + b"K\x01sb.")
    target = {"hyper_parameters": {"core": {"_target_": "os.system", "command": "ls"}}, "state_dict": {}}
    write_zip("target.pt", [("a/data.pkl", pickle.dumps(target, 2))])
    write_zip("second_member.pt", [("a/data.pkl", pickle.dumps({}, 2)), ("a/extra/x.pkl", pickle.dumps(System(), 4))])
    write_zip("twice.pt", [("a/data.pkl", pickle.dumps({}, 2)), ("a/DATA.pkl", pickle.dumps(System(), 2))])
    np.save(DATA / "objects.npy", np.array([System(), 1], dtype=object), allow_pickle=True)
    np.save(DATA / "numbers.npy", np.arange(3.0))
    module = torch.nn.Sequential(collections.OrderedDict(a=torch.nn.Linear(2, 3), b=torch.nn.ReLU()))
    write_torch("module.pt", module)
    write_torch("nested.pt", {"epoch": 3, "state_dict": {"a.w": torch.ones(2, 3)}, "more": [torch.ones(4), {"k": 1}],
                              "hyper": {"lr": 0.1}})  # fmt: skip
    tar = bytearray(512)
    tar[:8] = b"storages"
    tar[148:156] = b" " * 8
    tar[148:155] = b"%06o\0" % sum(tar)
    (DATA / "old_tar.pt").write_bytes(bytes(tar) + bytes(1024))


def main() -> None:
    DATA.mkdir(exist_ok=True)
    old_torch()
    pickles()
    write_torch("tensors.pt", tensors())
    for protocol in (2, 5):
        write_torch(f"values_{protocol}.pt", values(), pickle_protocol=protocol)
    set_crc32_options(False)
    write_torch("no_checksums.pt", {"x": torch.arange(3.0)})
    set_crc32_options(True)
    hostile()
    (DATA / "old_protocols.txt").write_text(
        "".join(pickle.dumps({"a": [1, 2.5, None, "\u00b5\n", (True, -(2**40))], "b": b"x"}, p).hex() + "\n"
                for p in range(6)))  # fmt: skip
    for path in sorted(DATA.iterdir()):
        print(path.name, path.stat().st_size)


if __name__ == "__main__":
    main()
