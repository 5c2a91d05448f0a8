"""Photographs: made small, turned upright, what the camera noted read and left out."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import pytest
from PIL import Image

from libs.chassis.files import photos
from libs.chassis.files.photos import (
    LONGEST,
    Noted,
    PhotoTooLargeError,
    PhotoUnreadableError,
    small,
)
from tests.chassis.files.made import picture

PLACE = {1: "N", 2: (25.0, 7.0, 24.44), 3: "E", 4: (102.0, 42.0, 0.0)}


def noted(gps: dict[int, Any], shot: dict[int, Any], turned: int = 1) -> bytes:
    image, out = Image.new("RGB", (40, 20), (200, 0, 0)), io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = turned
    exif.get_ifd(0x8825).update(gps)
    exif.get_ifd(0x8769).update(shot)
    image.save(out, "JPEG", exif=exif)
    return out.getvalue()


def looked_at(data: bytes) -> photos.Photo:
    return small(io.BytesIO(data))


def test_position_and_time_are_read_and_not_in_the_copy() -> None:
    data = noted(PLACE, {0x9003: "2024:03:16 08:30:05", 0x9011: "+08:00"}, turned=6)
    made = looked_at(data)
    assert made.noted == Noted("2024-03-16T08:30:05+08:00", "25.123456", "102.700000")
    with Image.open(io.BytesIO(made.small)) as copy:
        assert copy.size == (20, 40)
        assert dict(copy.getexif()) == {}
    assert b"Exif" not in made.small
    assert looked_at(data).small == made.small


@pytest.mark.parametrize(
    "gps",
    [
        {},
        {**PLACE, 2: (91.0, 0.0, 0.0)},
        {**PLACE, 3: "X"},
        {k: v for k, v in PLACE.items() if k != 4},
        {**PLACE, 2: (25.0, 7.0)},
    ],
)
def test_what_the_camera_noted_badly_is_left_out(gps: dict[int, Any]) -> None:
    assert looked_at(noted(gps, {0x9003: "yesterday"})).noted == Noted()


def test_the_south_and_the_west_are_negative() -> None:
    told = looked_at(noted({**PLACE, 1: "S", 3: "W"}, {})).noted
    assert (told.latitude, told.longitude) == ("-25.123456", "-102.700000")


def test_a_large_photograph_becomes_small_and_a_png_a_jpeg() -> None:
    for kind in ("JPEG", "PNG"):
        made = looked_at(picture(kind, (4000, 3000)))
        with Image.open(io.BytesIO(made.small)) as copy:
            assert (copy.format, copy.size) == ("JPEG", (LONGEST, 1200))


@pytest.mark.parametrize("size", [(9000, 9000), (6000, 5000)])
def test_a_bomb_is_refused_before_a_pixel_is_read(size: tuple[int, int]) -> None:
    def chunk(kind: bytes, body: bytes) -> bytes:
        crc = zlib.crc32(kind + body).to_bytes(4, "big")
        return len(body).to_bytes(4, "big") + kind + body + crc

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", *size, 8, 2, 0, 0, 0))
    with pytest.raises(PhotoTooLargeError):
        looked_at(b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"\0" * 99)))


def test_what_is_held_whole_may_have_fewer_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(photos, "MOST_WHOLE", 100)
    image = Image.new("RGB", (40, 20))
    for kind, progressive in (("PNG", False), ("JPEG", True)):
        out = io.BytesIO()
        image.save(out, kind, progressive=progressive)
        with pytest.raises(PhotoTooLargeError, match="照片像素过多：800，至多 100"):
            looked_at(out.getvalue())
    assert looked_at(picture("JPEG", (40, 20))).small


def test_what_is_no_whole_photograph_is_said_to_be_none() -> None:
    for data in (picture("JPEG")[:200], picture("GIF"), b"\xff\xd8\xff" + b"\0" * 50):
        with pytest.raises(PhotoUnreadableError):
            looked_at(data)
