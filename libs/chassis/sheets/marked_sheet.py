"""One sheet's XML with marks: four columns at the right, faulty cells in red. What is not marked is
the bytes it was."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from .cells import LAST_COLUMN, letter
from .formats import MarkFormats
from .notes import Notes
from .pieces import IrregularError, Piece, XmlCell, cells_of
from .spelling import text_cell
from .writing import RELATIONS

HEADS = ("结果", "规则号", "说明", "建议")
WIDTHS = (8, 16, 48, 48)
_STYLE = re.compile(rb"\ss\s*=\s*[\"'](\d+)[\"']")
_CELL_STYLE = re.compile(rb"(<c\b[^>]*?\ss\s*=\s*[\"'])(\d+)")
_SPANS = re.compile(rb"\sspans\s*=\s*[\"'][^\"']*[\"']")
_DIMENSION = re.compile(rb"(<dimension\s+ref=[\"'])([A-Z]+\d+)(?::[A-Z]+(\d+))?([\"'])")
_COLS = re.compile(rb"<cols\b[^>]*?(?:/>|>(.*?)</cols>)", re.DOTALL)
_COL = re.compile(rb"<col\b[^>]*?/>|<col\b[^>]*></col>")
_MIN, _MAX = (re.compile(rb"\s%s=[\"'](\d+)[\"']" % name) for name in (b"min", b"max"))
_TAG = re.compile(rb"<(/?)([\w:.-]+)(?:[^>\"']|\"[^\"]*\"|'[^']*')*?(/?)>")
_LEGACY = re.compile(rb"<legacyDrawing\b[^>]*?:id\s*=\s*[\"']([^\"']+)[\"']")
_AFTER_LEGACY = (
    *(b"legacyDrawingHF", b"drawingHF", b"picture", b"oleObjects", b"controls"),
    *(b"webPublishItems", b"tableParts", b"extLst", b"AlternateContent", b"worksheet"),
)
"""What stands behind legacyDrawing in a sheet (ECMA-376 part 1, 18.3.1.99), and the sheet's end."""


class Mark(NamedTuple):
    """What came of one row; `faults` says of each faulty column what its note says."""

    row: int
    result: str
    rule: str = ""
    message: str = ""
    hint: str = ""
    faults: Mapping[int, str] = {}


class Marking(NamedTuple):
    """Where marks go: beside which head, and from which column on."""

    header_row: int
    column: int
    formats: MarkFormats
    notes: Notes
    drawing: str | None
    """The relation under which notes are to be drawn; None where the sheet has its drawing."""


def marked(parts: Iterable[Piece], marks: Iterable[Mark], to: Marking) -> Iterator[bytes]:
    """The sheet's bytes, up to what is after the rows, which is the last.

    Raises: ValueError where marks are out of order or a marked row is not in the sheet.
    """
    coming = iter(marks)
    mark = next(coming, None)
    for number, piece in enumerate(_cleaned(parts, to.formats)):
        if number == 0:
            yield head_with_columns(piece.raw, to.column)
        elif piece.row is None:
            if mark is not None:
                raise ValueError(f"row {mark.row} is marked, but not in the sheet in this order")
            yield _tail(piece.raw, to)
        elif mark is not None and mark.row == piece.row:
            yield _marked_row(piece, mark, to)
            mark = next(coming, None)
        elif piece.row == to.header_row:
            yield _with_cells(piece, _heads(piece.row, to), to.column)
        else:
            yield piece.raw


def _cleaned(parts: Iterable[Piece], formats: MarkFormats) -> Iterator[Piece]:
    """Rows without the red of an earlier round."""

    def clean(found: re.Match[bytes]) -> bytes:
        style = int(found[2])
        return found[1] + b"%d" % formats.clean(style) if style in formats.stale else found[0]

    for piece in parts:
        if piece.row is None or not formats.stale:
            yield piece
        else:
            body, raw = (_CELL_STYLE.sub(clean, given) for given in (piece.body, piece.raw))
            yield piece._replace(body=body, raw=raw)


def _heads(row: int, to: Marking) -> list[str]:
    places = enumerate(HEADS, to.column)
    return [text_cell(f"{letter(at)}{row}", head, to.formats.heading) for at, head in places]


def _marked_row(piece: Piece, mark: Mark, to: Marking) -> bytes:
    said = enumerate((mark.result, mark.rule, mark.message, mark.hint), to.column)
    texts = [text_cell(f"{letter(at)}{mark.row}", text) for at, text in said if text]
    if mark.faults:
        cells, rest = cells_of(piece.body)
        body = b"".join(c.raw for c in _reddened(cells, mark, to.formats)) + rest
        piece = piece._replace(body=body)
        for column, note in mark.faults.items():
            if note:
                to.notes.add(mark.row, column, note)
    return _with_cells(piece, texts, to.column)


def _reddened(cells: list[XmlCell], mark: Mark, formats: MarkFormats) -> list[XmlCell]:
    """The row's cells in their order; an empty place that is at fault becomes a cell."""
    there = {cell.column for cell in cells}
    absent = [
        XmlCell(at, b'<c r="%s%d"/>' % (letter(at).encode(), mark.row))
        for at in mark.faults
        if at not in there
    ]
    return [
        _red(cell, formats) if cell.column in mark.faults else cell
        for cell in sorted((*cells, *absent), key=lambda cell: cell.column)
    ]


def _red(cell: XmlCell, formats: MarkFormats) -> XmlCell:
    end = cell.raw.index(b">")
    tag, content = cell.raw[:end], cell.raw[end:]
    style = _STYLE.search(tag)
    red = formats.red(int(style[1]) if style else 0)
    return cell._replace(raw=b'<c s="%d"' % red + _STYLE.sub(b"", tag)[2:] + content)


def _with_cells(piece: Piece, texts: list[str], column: int) -> bytes:
    """A row with our cells in their place; what stood there was empty, or ours."""
    body, added = piece.body, "".join(texts).encode()
    cells, rest = cells_of(body) if _reaches(body, column) else ([], b"")
    if cells:
        before = b"".join(cell.raw for cell in cells if cell.column < column)
        beyond = b"".join(cell.raw for cell in cells if cell.column >= column + len(HEADS))
        body = before + added + beyond + rest
    else:
        body += added
    return b"<row%s>%s</row>" % (_SPANS.sub(b"", piece.attributes), body)


def _reaches(body: bytes, column: int) -> bool:
    """Whether the row has cells at or beyond a column, or anything that is no cell."""
    last = body.rfind(b"<c ")
    if last < 0 or b"extLst" in body:
        return True
    cells, _ = cells_of(body[last:])
    return not cells or cells[-1].column >= column


def head_with_columns(head: bytes, column: int) -> bytes:
    """With widths for our columns, shown even where the columns there were hidden."""
    last = column + len(HEADS) - 1
    if last > LAST_COLUMN:
        raise IrregularError
    found = _COLS.search(head)
    kept = [piece for col in _COL.findall(found[1] or b"" if found else b"") for piece in
            _around(col, column, last)]  # fmt: skip
    ours = [
        (at, b'<col min="%d" max="%d" width="%d" customWidth="1"/>' % (at, at, width))
        for at, width in enumerate(WIDTHS, column)
    ]
    cols = b"<cols>" + b"".join(col for _, col in sorted((*kept, *ours))) + b"</cols>"
    if found:
        head = head[: found.start()] + cols + head[found.end() :]
    else:
        before, tag, after = head.rpartition(b"<sheetData")
        head = (before + cols + tag + after) if tag else head + cols
    wider = rb"\g<1>\g<2>:" + letter(last).encode()
    return _DIMENSION.sub(lambda m: m.expand(wider) + (m[3] or b"1") + m[4], head, count=1)


def _around(col: bytes, first: int, last: int) -> Iterator[tuple[int, bytes]]:
    """What a `col` says of the columns before and behind ours."""
    begins, ends = _MIN.search(col), _MAX.search(col)
    if begins is None or ends is None:
        raise IrregularError
    low, high = int(begins[1]), int(ends[1])
    for begin, end in ((low, min(high, first - 1)), (max(low, last + 1), high)):
        if begin <= end:
            changed = _MIN.sub(b' min="%d"' % begin, col)
            yield begin, _MAX.sub(b' max="%d"' % end, changed)


def legacy_drawing(tail: bytes) -> str | None:
    """The relation of the drawing that shows a sheet's comments."""
    found = _LEGACY.search(tail)
    return found[1].decode() if found else None


def _tail(tail: bytes, to: Marking) -> bytes:
    wanted = to.notes.texts and to.drawing is not None
    return tail_with_drawing(tail, to.drawing or "") if wanted else tail


def tail_with_drawing(tail: bytes, relation: str) -> bytes:
    """With the drawing of the comments at its place in the order of the schema."""
    added = f'<legacyDrawing xmlns:r="{RELATIONS}" r:id="{relation}"/>'.encode()
    depth = 0
    for tag in _TAG.finditer(tail):
        name = tag[2].rpartition(b":")[2]
        if depth == 0 and name in _AFTER_LEGACY:
            return tail[: tag.start()] + added + tail[tag.start() :]
        if name != b"sheetData" and not tag[3]:
            depth += -1 if tag[1] else 1
    raise IrregularError
