"""The formats of a workbook that is marked: for each of a faulty cell one like it, in red."""

from __future__ import annotations

from copy import deepcopy

from lxml import etree

from .package import parsed
from .pieces import IrregularError

RED = "FFFF8080"


class MarkFormats:
    """Formats added to a styles part, numbered as they are asked for. `again`: the workbook was
    marked before; else red in it is its owner's."""

    def __init__(self, styles: bytes, *, again: bool) -> None:
        self._root = parsed(styles)
        self._formats = self._child("cellXfs")
        if not len(self._formats):
            raise IrregularError
        self._red: dict[int, int] = {}
        self._clean: dict[int, int] = {}
        self.stale = self._reds() if again else frozenset[int]()
        self._child("fills").append(_red(self._root))
        self._fill = len(self._child("fills")) - 1
        font = etree.SubElement(self._child("fonts"), self._tag("font"))
        etree.SubElement(font, self._tag("b"))
        bold = len(self._child("fonts")) - 1
        self.heading = self._changed(0, fontId=str(bold), applyFont="1")

    def red(self, style: int) -> int:
        """The number of the format like `style`, in red."""
        if style not in self._red:
            self._red[style] = self._changed(style, fillId=str(self._fill), applyFill="1")
        return self._red[style]

    def clean(self, style: int) -> int:
        """The number of the format like a stale one, without our red."""
        if style not in self._clean:
            self._clean[style] = self._changed(style, fillId="0", applyFill="0")
        return self._clean[style]

    def document(self) -> bytes:
        for name in ("fonts", "fills", "cellXfs"):
            self._child(name).set("count", str(len(self._child(name))))
        return serialized(self._root)

    def _reds(self) -> frozenset[int]:
        """Formats in our red, of an earlier round."""
        fills = {
            str(number)
            for number, fill in enumerate(self._child("fills"))
            if any(color.get("rgb") == RED for color in fill.iter("{*}fgColor"))
        }
        numbered = enumerate(self._formats)
        return frozenset(number for number, xf in numbered if xf.get("fillId") in fills)

    def _changed(self, style: int, **attributes: str) -> int:
        # A style that is not there is shown as the first, and so it is copied.
        made = deepcopy(self._formats[style if style < len(self._formats) else 0])
        for name, value in attributes.items():
            made.set(name, value)
        self._formats.append(made)
        return len(self._formats) - 1

    def _child(self, name: str) -> etree._Element:
        found = self._root.find(f"{{*}}{name}")
        if found is None:
            raise IrregularError
        return found

    def _tag(self, name: str) -> str:
        return f"{{{etree.QName(self._root).namespace}}}{name}"


def _red(root: etree._Element) -> etree._Element:
    space = f"{{{etree.QName(root).namespace}}}"
    fill = etree.Element(f"{space}fill")
    pattern = etree.SubElement(fill, f"{space}patternFill", patternType="solid")
    etree.SubElement(pattern, f"{space}fgColor", rgb=RED)
    etree.SubElement(pattern, f"{space}bgColor", indexed="64")
    return fill


def serialized(root: etree._Element) -> bytes:
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8", standalone=True)
