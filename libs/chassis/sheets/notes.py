"""Notes on cells: the comments part and the drawing that shows them, new or added to what a sheet
has.

Source: ECMA-376 part 1, 18.7 (comments), and part 4, 19 (VML), which spreadsheet programs still
ask for.
"""

from __future__ import annotations

import re

from lxml import etree

from .cells import letter, place
from .formats import serialized
from .package import parsed
from .spelling import attribute, xml_text
from .writing import HEAD, MAIN

MOST = 1_000
"""A sheet: each note is a drawing, and programs draw them all. Red has no bound."""
AUTHOR = "溯源"
_SHAPE_ID = re.compile(rb"_x0000_s(\d+)")
_TYPE_ID = "_x0000_t202"
_TYPE = (
    f'<v:shapetype id="{_TYPE_ID}" coordsize="21600,21600" o:spt="202" path="m,l,21600r21600,'
    '21600l21600,xe"><v:stroke joinstyle="miter"/><v:path gradientshapeok="t" o:connecttype="rect"'
    "/></v:shapetype>"
)
_SPACES = {"v": "vml", "o": "office:office", "x": "office:excel"}
_DRAWING = (
    '<xml xmlns:v="urn:schemas-microsoft-com:vml"'
    ' xmlns:o="urn:schemas-microsoft-com:office:office">'
    '<o:shapelayout v:ext="edit"><o:idmap v:ext="edit" data="{cluster}"/></o:shapelayout></xml>'
)
IDS_A_CLUSTER = 1_024
_END = b"</xml>"
_NO_COMMENTS = f'{HEAD}<comments xmlns="{MAIN}"><authors/><commentList/></comments>'
_A_SHAPE = re.compile(rb"<v:shape\s.*?</v:shape>", re.DOTALL)
_AT = {
    name: re.compile(rf"<x:{name}>\s*(\d+)\s*</x:{name}>".encode()) for name in ("Row", "Column")
}


class Notes:
    """At most MOST notes of one sheet, put to those it has; what we noted in an earlier round is
    taken away. Raises: ValueError, where what it has is not as programs write it."""

    def __init__(self, comments: bytes | None, drawing: bytes | None) -> None:
        self.texts: dict[tuple[int, int], str] = {}
        self.had_comments, self._drawing = comments is not None, drawing
        self._root = parsed(comments or _NO_COMMENTS.encode())
        self._space = f"{{{etree.QName(self._root).namespace}}}"
        authors, listed = (self._root.find(self._space + n) for n in ("authors", "commentList"))
        if authors is None or listed is None or b"</xml>" not in (drawing or _DRAWING.encode()):
            raise ValueError("no comments")
        self._authors, self._listed = authors, listed
        gone = [comment for comment in listed if self._ours(comment)]
        for comment in gone:
            listed.remove(comment)
        if gone and drawing is not None:
            self._drawing = _without(drawing, {place(str(c.get("ref"))) for c in gone})

    def add(self, row: int, column: int, text: str) -> None:
        if len(self.texts) < MOST:
            self.texts[row, column] = text

    def documents(self, sheet: int) -> tuple[bytes, bytes]:
        """The comments and the drawing, in VML. A cell that has a comment keeps it, ours follows
        in it. `sheet` keeps the ids of new shapes apart from those of other sheets."""
        known = {str(comment.get("ref")): comment for comment in self._listed}
        if self.texts:
            etree.SubElement(self._authors, f"{self._space}author").text = AUTHOR
        for (row, column), text in self.texts.items():
            ref = f"{letter(column)}{row}"
            if (comment := known.get(ref)) is None:
                told = _comment(ref, len(self._authors) - 1, text)
                self._listed.append(parsed(told.encode()))
            else:
                _continue(comment, self._space, text)
        shown = {place(ref) for ref in known}
        return serialized(self._root), self._drawn(sheet, shown)

    def _drawn(self, sheet: int, shown: set[tuple[int, int]]) -> bytes:
        drawn = _declared(self._drawing or _DRAWING.replace("{cluster}", str(sheet)).encode())
        begun = max((int(n) for n in _SHAPE_ID.findall(drawn)), default=sheet * IDS_A_CLUSTER)
        cells = [cell for cell in self.texts if cell not in shown]
        shapes = [_shape(begun + n, *cell) for n, cell in enumerate(cells, 1)]
        if _TYPE_ID.encode() not in drawn:
            shapes.insert(0, _TYPE)
        before, end, after = drawn.rpartition(_END)
        return before + "".join(shapes).encode() + end + after

    def _ours(self, comment: etree._Element) -> bool:
        author = int(comment.get("authorId", "0"))
        return author < len(self._authors) and self._authors[author].text == AUTHOR


def _without(drawing: bytes, cells: set[tuple[int, int]]) -> bytes:
    """Without the shapes of some cells' notes."""

    def kept(shape: re.Match[bytes]) -> bytes:
        at = [_AT[name].search(shape[0]) for name in ("Row", "Column")]
        if b"Note" not in shape[0] or None in at:
            return shape[0]
        row, column = (int(found[1]) + 1 for found in at if found)
        return b"" if (row, column) in cells else shape[0]

    return _A_SHAPE.sub(kept, drawing)


def _declared(drawing: bytes) -> bytes:
    """With the prefixes that our shapes use; not every program declares all three."""
    begin, tag, rest = drawing.partition(b"<xml")
    root, _, _ = rest.partition(b">")
    missing = "".join(
        f' xmlns:{prefix}="urn:schemas-microsoft-com:{name}"'
        for prefix, name in _SPACES.items()
        if f"xmlns:{prefix}=".encode() not in root
    )
    return begin + tag + missing.encode() + rest


def _comment(ref: str, author: int, text: str) -> str:
    return (
        f'<comment xmlns="{MAIN}" ref={attribute(ref)} authorId="{author}"><text><r><t'
        f' xml:space="preserve">{xml_text(text)}</t></r></text></comment>'
    )


def _continue(comment: etree._Element, space: str, text: str) -> None:
    said = comment.find(f"{space}text")
    if said is None:
        said = etree.SubElement(comment, f"{space}text")
    plain = said.find(f"{space}t")
    if plain is not None and not said.findall(f"{space}r"):
        # A text is either one `t` or runs; one `t` before runs is lawful too, but WPS drops it.
        said.remove(plain)
        etree.SubElement(said, f"{space}r").append(plain)
    run = parsed(f'<r xmlns="{MAIN}"><t xml:space="preserve">\n{xml_text(text)}</t></r>'.encode())
    said.append(run)


def _shape(number: int, row: int, column: int) -> str:
    """Beside its cell, hidden until a person points at it."""
    anchor = f"{column},15,{max(row - 2, 0)},10,{column + 3},15,{row + 3},4"
    return (
        f'<v:shape id="_x0000_s{number}" type="#{_TYPE_ID}" style="position:absolute;'
        'margin-left:60pt;margin-top:2pt;width:200pt;height:80pt;z-index:1;visibility:hidden"'
        ' fillcolor="#ffffe1" o:insetmode="auto"><v:fill color2="#ffffe1"/><v:shadow on="t"'
        ' color="black" obscured="t"/><v:path o:connecttype="none"/><v:textbox><div'
        ' style="text-align:left"></div></v:textbox><x:ClientData ObjectType="Note">'
        f"<x:MoveWithCells/><x:SizeWithCells/><x:Anchor>{anchor}</x:Anchor>"
        f"<x:AutoFill>False</x:AutoFill><x:Row>{row - 1}</x:Row><x:Column>{column - 1}</x:Column>"
        "</x:ClientData></v:shape>"
    )
