"""The zip of a workbook: its parts, their relations, and the bounds that a bomb would break.

XML is read without DTD, entities or network; a part that has a DTD is refused.
"""

from __future__ import annotations

import posixpath
from pathlib import Path
from typing import IO, NamedTuple
from zipfile import ZipFile, ZipInfo

from lxml import etree

from .unreadable import Why, damage_told

MOST_MEMBERS = 4_096
LARGEST_TOTAL = 1 << 30
LARGEST_DOCUMENT = 32 << 20
"""A part that is read whole: styles, relations, the list of sheets."""
RATIO, RATIO_FROM = 250, 32 << 20
"""A part beyond RATIO_FROM bytes may not be RATIO times its compressed size. Formatted empty rows
come to 40; deflate gives 1,032 at most."""
SECRET = 0x1
CONTENT_TYPES = "[Content_Types].xml"


class Relation(NamedTuple):
    """`kind` is the last word of the relation's type; `target` a part's name in the zip."""

    id: str
    kind: str
    target: str
    external: bool


class Package:
    """An open zip, its parts found without regard to case, as OPC says."""

    def __init__(self, path: Path) -> None:
        with damage_told():
            self.zip = ZipFile(path)
        try:
            self._within_bounds(self.zip.infolist())
        except BaseException:
            self.zip.close()
            raise
        self.names = {self._spelled(name): name for name in self.zip.namelist()}

    @staticmethod
    def _within_bounds(members: list[ZipInfo]) -> None:
        if len(members) > MOST_MEMBERS or sum(m.file_size for m in members) > LARGEST_TOTAL:
            raise Why.TOO_LARGE.refused()
        for member in members:
            if member.flag_bits & SECRET:
                raise Why.ENCRYPTED.refused()
            if member.file_size > max(RATIO_FROM, member.compress_size * RATIO):
                raise Why.TOO_LARGE.refused()

    @staticmethod
    def _spelled(name: str) -> str:
        return name.replace("\\", "/").lstrip("/").lower()

    def __contains__(self, part: str) -> bool:
        return self._spelled(part) in self.names

    def named(self, part: str) -> str:
        """The member's own spelling. Raises: KeyError."""
        return self.names[self._spelled(part)]

    def open(self, part: str) -> IO[bytes]:
        return self.zip.open(self.named(part))

    def read(self, part: str) -> bytes:
        """A part that is small. Raises: UnreadableBook, KeyError."""
        if self.zip.getinfo(self.named(part)).file_size > LARGEST_DOCUMENT:
            raise Why.TOO_LARGE.refused()
        return self.zip.read(self.named(part))

    def xml(self, part: str) -> etree._Element:
        return parsed(self.read(part))

    def relations(self, part: str) -> list[Relation]:
        """Of a part, or of the package for ''; none where it says none."""
        folder, name = posixpath.split(part)
        rels = posixpath.join(folder, "_rels", f"{name}.rels")
        if rels not in self:
            return []
        return [_relation(element, folder) for element in self.xml(rels).iter("{*}Relationship")]

    def close(self) -> None:
        self.zip.close()


def parsed(document: bytes) -> etree._Element:
    """Raises: UnreadableBook, etree.XMLSyntaxError."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    root = etree.fromstring(document, parser)
    if b"<!DOCTYPE" in document:
        raise Why.DAMAGED.refused()
    return root


def _relation(element: etree._Element, folder: str) -> Relation:
    target = element.get("Target", "").replace("\\", "/")
    external = element.get("TargetMode") == "External"
    if not external:
        joined = target if target.startswith("/") else posixpath.join("/", folder, target)
        target = posixpath.normpath(joined).lstrip("/")
    kind = element.get("Type", "").rpartition("/")[2]
    return Relation(element.get("Id", ""), kind, target, external)
