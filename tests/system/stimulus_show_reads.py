# SPDX-License-Identifier: MIT
"""Checks PNG files and animations by their specification, with the standard library and numpy."""
import struct
import sys
import zlib
from pathlib import Path

import numpy as np


def chunks(path):
    data = Path(path).read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n", "signature"
    at = 8
    while at < len(data):
        (length,) = struct.unpack(">I", data[at:at + 4])
        kind, body = data[at + 4:at + 8], data[at + 8:at + 8 + length]
        (checksum,) = struct.unpack(">I", data[at + 8 + length:at + 12 + length])
        assert checksum == zlib.crc32(kind + body), f"checksum of {kind}"
        yield kind, body
        at += 12 + length
    assert kind == b"IEND", "the end is missing"


def size_of(head):
    width, height, depth, color, *_ = struct.unpack(">IIBBBBB", head)
    assert depth == 8 and color in (0, 2)
    return width, height, 3 if color == 2 else 1


def rows(data, width, height, n_colors):
    """Filtered rows as the specification packs them; [H, 1 + W * C]."""
    raw = np.frombuffer(zlib.decompress(data), np.uint8)
    assert raw.size == height * (1 + width * n_colors), "number of pixels"
    raw = raw.reshape(height, -1)
    assert raw[:, 0].max() <= 4, "filters"
    return raw


def picture(path):
    found = list(chunks(path))
    width, height, n_colors = size_of(found[0][1])
    image = rows(b"".join(body for kind, body in found if kind == b"IDAT"), width, height, n_colors)
    assert width >= 400 and height >= 200, "too small to be looked at"
    drawn = np.count_nonzero((image[1:, 1:] != image[:-1, 1:]).any(axis=1))
    assert drawn > height // 10, "nothing is drawn"


def animation(path, n_frames, rate):
    found = list(chunks(path))
    kinds = [kind for kind, _ in found]
    assert kinds[:3] == [b"IHDR", b"acTL", b"fcTL"] and kinds[-1] == b"IEND", kinds[:4]
    width, height, n_colors = size_of(found[0][1])
    count, plays = struct.unpack(">II", found[1][1])
    assert (count, plays) == (n_frames, 0), (count, n_frames)
    sequence, frames = 0, []
    for kind, body in found:
        if kind == b"fcTL":
            number, w, h, x, y, delay, unit, dispose, blend = struct.unpack(">IIIIIHHBB", body)
            assert (number, w, h, x, y, dispose, blend) == (sequence, width, height, 0, 0, 0, 0)
            assert delay / unit == 1 / rate, (delay, unit)
            sequence += 1
            frames.append(b"")
        elif kind == b"IDAT":
            frames[-1] += body
        elif kind == b"fdAT":
            assert struct.unpack(">I", body[:4])[0] == sequence
            sequence += 1
            frames[-1] += body[4:]
    assert len(frames) == n_frames
    for frame in frames:
        rows(frame, width, height, n_colors)
    assert len(set(frames)) > n_frames // 3, "it moves"


def ranges(first, second, tolerance):
    def numbers(path):
        words = Path(path).read_text().split()
        return np.array([float(w) for w in words if w[-1].isdigit() and "." in w or w == "0"])
    a, b = numbers(first), numbers(second)
    assert len(a) == len(b) == 4, (a, b)
    assert np.allclose(a, b, atol=tolerance), (a, b)


def make(folder):
    y, x = np.mgrid[0:90, 0:70]
    np.save(f"{folder}/image.npy", (127 + 90 * np.sin(x / 7) * np.cos(y / 9)).astype(np.uint8))
    t = np.arange(20)[:, None, None]
    np.save(f"{folder}/movie.npy", np.sin((x[None] - 4 * t) / 9).astype(np.float32))


if __name__ == "__main__":
    command, *arguments = sys.argv[1:]
    globals()[command](*(float(a) if a.replace(".", "").isdigit() else a for a in arguments))
