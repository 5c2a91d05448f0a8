"""A photograph made small: what the camera noted is read, and left out of the copy.

Pictures come from anybody's phone and are taken apart by C code: the size is looked at before a
pixel is, two formats alone are read, and one picture is in work at a time in a process.
"""

from __future__ import annotations

import io
import re
import threading
from fractions import Fraction
from typing import Any, BinaryIO, NamedTuple

from PIL import ExifTags, Image, ImageOps

from libs.events.errors import EventsError

from .kinds import JPEG, PNG

PHOTOS = (JPEG, PNG)
MOST_PIXELS = 50_000_000
MOST_WHOLE = 25_000_000
"""Of a picture that is held whole while it is made small, a PNG or a progressive JPEG: 250 MiB at
most were measured, 670 of a PNG of MOST_PIXELS."""
LONGEST = 1_600
QUALITY = 80
_ONE = threading.Lock()
_WRITTEN = re.compile(r"(\d{4}):(\d\d):(\d\d) (\d\d:\d\d:\d\d)")
_OFFSET = re.compile(r"[+-]\d\d:\d\d")
_GPS, _TAKEN = ExifTags.IFD.GPSInfo, ExifTags.IFD.Exif


class PhotoTooLargeError(EventsError):
    status = 413
    title = "照片像素过多"


class PhotoUnreadableError(EventsError):
    status = 422
    title = "照片无法解码，请重新拍摄或扫描"
    place = "/upload"


class Noted(NamedTuple):
    """What the camera wrote: local time with its offset if it told one, decimal degrees."""

    taken_at: str | None = None
    latitude: str | None = None
    longitude: str | None = None


class Photo(NamedTuple):
    """The copy for the screen, a JPEG, and what was noted in the photograph."""

    small: bytes
    noted: Noted


def small(file: BinaryIO) -> Photo:
    """Blocking: in a thread. Raises: PhotoTooLargeError, PhotoUnreadableError."""
    with _ONE:
        try:
            with Image.open(file, formats=("JPEG", "PNG")) as picture:
                _require_few(picture)
                noted = _noted(picture.getexif())
                picture.draft("RGB", (LONGEST, LONGEST))
                return Photo(_copy(picture), noted)
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
            raise PhotoUnreadableError() from None


def _require_few(picture: Image.Image) -> None:
    pixels = picture.width * picture.height
    whole = picture.format == "PNG" or bool(picture.info.get("progressive"))
    limit = MOST_WHOLE if whole else MOST_PIXELS
    if pixels > limit:
        told = f"照片像素过多：{pixels}，至多 {limit}"
        raise PhotoTooLargeError(told, pixels=pixels, limit=limit)


def _copy(picture: Image.Image) -> bytes:
    """Turned as it was held, without anything that the camera noted; made small in place first,
    since turning makes a copy."""
    picture.thumbnail((LONGEST, LONGEST))
    upright = ImageOps.exif_transpose(picture)
    plain = Image.new("RGB", upright.size, "white")
    layer = upright.convert("RGBA")
    plain.paste(layer, mask=layer)
    out = io.BytesIO()
    plain.save(out, "JPEG", quality=QUALITY)
    return out.getvalue()


def _noted(exif: Image.Exif) -> Noted:
    gps, shot = exif.get_ifd(_GPS), exif.get_ifd(_TAKEN)
    latitude = _degrees(gps.get(2), gps.get(1), "NS", 90)
    longitude = _degrees(gps.get(4), gps.get(3), "EW", 180)
    whole = latitude is not None and longitude is not None
    return Noted(_taken(shot), latitude if whole else None, longitude if whole else None)


def _taken(shot: dict[int, Any]) -> str | None:
    found = _WRITTEN.fullmatch(_text(shot.get(ExifTags.Base.DateTimeOriginal)))
    if found is None:
        return None
    offset = _text(shot.get(ExifTags.Base.OffsetTimeOriginal))
    day = "-".join(found.groups()[:3])
    return f"{day}T{found[4]}{offset if _OFFSET.fullmatch(offset) else ''}"


def _text(value: Any) -> str:
    return value.strip("\0 ") if isinstance(value, str) else ""


def _degrees(parts: Any, side: Any, sides: str, most: int) -> str | None:
    """Degrees, minutes, seconds as decimal degrees to six places (0.1 m), exactly rounded."""
    if not isinstance(parts, tuple) or len(parts) != 3 or _text(side) not in tuple(sides):
        return None
    try:
        degrees, minutes, seconds = (Fraction(part.numerator, part.denominator) for part in parts)
    except (AttributeError, ZeroDivisionError, TypeError):
        return None
    millionths = round((degrees + minutes / 60 + seconds / 3600) * 1_000_000)
    if not 0 <= millionths <= most * 1_000_000:
        return None
    sign = "-" if _text(side) == sides[1] and millionths else ""
    return f"{sign}{millionths // 1_000_000}.{millionths % 1_000_000:06}"
