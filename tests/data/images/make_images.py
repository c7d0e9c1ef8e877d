# SPDX-License-Identifier: MIT
"""Writes the small PNG files beside it from the specification, with nothing but the standard library.

Pixel i of 3 x 4 is 20 i (in colour: 20 i, 20 i + 1, 20 i + 2), in 16 bits 257 * 20.25 i.
"""
import struct
import zlib
from pathlib import Path

HERE = Path(__file__).parent
H, W = 3, 4
GREY, RGB, PALETTE, GREY_ALPHA, RGBA = 0, 2, 3, 4, 6


def chunk(kind, data, checksum=None):
    crc = zlib.crc32(kind + data) if checksum is None else checksum
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", crc)


def png(name, depth, kind, rows, extra=b"", size=(W, H), interlace=0, data=None, checksum=None):
    raw = b"".join(b"\0" + bytes(row) for row in rows)
    data = zlib.compress(raw) if data is None else data
    head = struct.pack(">IIBBBBB", *size, depth, kind, 0, 0, interlace)
    whole = (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + extra + chunk(b"IDAT", data, checksum)
             + chunk(b"IEND", b""))
    (HERE / f"{name}.png").write_bytes(whole)
    return whole


def rows(pixel):
    return [[byte for x in range(W) for byte in pixel(y * W + x)] for y in range(H)]


def deep(value):
    return struct.pack(">H", round(257 * value))


grey = rows(lambda i: [20 * i])
rgb = rows(lambda i: [20 * i, 20 * i + 1, 20 * i + 2])
whole = png("grey_8", 8, GREY, grey)
png("grey_16", 16, GREY, rows(lambda i: deep(20.25 * i)))
png("grey_1", 1, GREY, [[0b01010000]] * H)
png("rgb_8", 8, RGB, rgb)
png("rgb_16", 16, RGB, rows(lambda i: deep(20.25 * i) + deep(20 * i + 1) + deep(20 * i + 2)))
palette = bytes(v for i in range(12) for v in (20 * i, 20 * i + 1, 20 * i + 2))
png("palette_8", 8, PALETTE, rows(lambda i: [i]), chunk(b"PLTE", palette))
png("grey_alpha_opaque", 8, GREY_ALPHA, rows(lambda i: [20 * i, 255]))
png("rgba_opaque", 8, RGBA, rows(lambda i: [20 * i, 20 * i + 1, 20 * i + 2, 255]))
png("transparent", 8, RGBA, rows(lambda i: [0, 0, 0, 254 if i == 6 else 255]))
png("palette_transparent", 8, PALETTE, rows(lambda i: [i]), chunk(b"PLTE", palette) + chunk(b"tRNS", b"\0"))

# Adam7: the pixels that each pass takes, as small images of their own.
PASSES = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
passes = [[20 * (y * W + x) for x in range(x0, W, dx)] for x0, y0, dx, dy in PASSES if x0 < W
          for y in range(y0, H, dy)]
png("grey_8_interlaced", 8, GREY, passes, interlace=1)

# All seven passes, in 16 bits: the same image in order and interlaced.
LARGE = (13, 11)  # wide, high


def pixel(x, y):
    return deep(x + 16 * y) + deep(2 * x + 16 * y + 0.5) + deep(x + 20 * y)


in_order = [b"".join(pixel(x, y) for x in range(LARGE[0])) for y in range(LARGE[1])]
passes = [b"".join(pixel(x, y) for x in range(x0, LARGE[0], dx)) for x0, y0, dx, dy in PASSES
          for y in range(y0, LARGE[1], dy)]
png("large", 16, RGB, in_order, size=LARGE)
png("large_interlaced", 16, RGB, passes, size=LARGE, interlace=1)
png("transparent_interlaced", 8, GREY_ALPHA,  # the pixel of the last pass stands before the other
    [[v for x in range(x0, 8, dx) for v in (9, 0 if (x, y) in ((3, 1), (0, 4)) else 255)]
     for x0, y0, dx, dy in PASSES for y in range(y0, 8, dy)], size=(8, 8), interlace=1)

png("huge", 8, GREY, grey, size=(1 << 20, 1 << 20))
png("claims_much", 8, GREY, grey, size=(30000, 30000))
png("many_pixels", 1, GREY, [b"\xff" * 1125] * 9000, size=(9000, 9000))
png("bad_checksum", 8, GREY, grey, checksum=1)
(HERE / "cut_short.png").write_bytes(whole[:-20])
