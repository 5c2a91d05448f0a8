"""What Excel repairs or refuses, and openpyxl lets pass: the order of a sheet's parts, of rows and
cells, counts, relations and content types. Source: ECMA-376 part 1, 18.2, 18.3, 18.8 and part 2."""

from __future__ import annotations

import posixpath
from pathlib import Path
from zipfile import ZipFile

from lxml import etree

from libs.chassis.sheets.cells import place

WORKSHEET = (
    *("sheetPr", "dimension", "sheetViews", "sheetFormatPr", "cols", "sheetData", "sheetCalcPr"),
    *("sheetProtection", "protectedRanges", "scenarios", "autoFilter", "sortState"),
    *("dataConsolidate", "customSheetViews", "mergeCells", "phoneticPr", "conditionalFormatting"),
    *("dataValidations", "hyperlinks", "printOptions", "pageMargins", "pageSetup", "headerFooter"),
    *("rowBreaks", "colBreaks", "customProperties", "cellWatches", "ignoredErrors", "smartTags"),
    *("drawing", "legacyDrawing", "legacyDrawingHF", "drawingHF", "picture", "oleObjects"),
    *("controls", "webPublishItems", "tableParts", "extLst"),
)
WORKBOOK = (
    *("fileVersion", "fileSharing", "workbookPr", "workbookProtection", "bookViews", "sheets"),
    *("functionGroups", "externalReferences", "definedNames", "calcPr", "oleSize"),
    *("customWorkbookViews", "pivotCaches", "fileRecoveryPr", "webPublishObjects", "extLst"),
)


def local(element: etree._Element) -> str:
    return etree.QName(element).localname


def in_order(root: etree._Element, order: tuple[str, ...]) -> bool:
    at = [order.index(local(child)) for child in root]
    return at == sorted(at)


def assert_strict(path: Path) -> None:
    """Raises: AssertionError, by the part that Excel would repair."""
    with ZipFile(path) as book:
        assert book.testzip() is None
        names = book.namelist()
        assert len(names) == len(set(names)), "a part stands twice"
        parts = {name: book.read(name) for name in names}
    _packed(parts)
    formats = _formats(parts["xl/styles.xml"])
    workbook = etree.fromstring(parts["xl/workbook.xml"])
    _listed(workbook)
    for name, part in parts.items():
        if name.startswith("xl/worksheets/") and name.endswith(".xml"):
            _sheet(etree.fromstring(part), formats, parts, name)
        elif name.endswith((".xml", ".rels", ".vml")):
            etree.fromstring(part)


def _packed(parts: dict[str, bytes]) -> None:
    types = etree.fromstring(parts["[Content_Types].xml"])
    defaults = [str(e.get("Extension")) for e in types if local(e) == "Default"]
    overrides = [str(e.get("PartName")).lstrip("/") for e in types if local(e) == "Override"]
    assert len(overrides) == len(set(overrides))
    assert len(defaults) == len(set(defaults))
    assert set(overrides) <= set(parts)
    for name, part in parts.items():
        assert name in overrides or name.rpartition(".")[2] in defaults, name
        folder, file = posixpath.split(name)
        if name.endswith(".rels"):
            source = posixpath.join(posixpath.dirname(folder), file.removesuffix(".rels"))
            _related(etree.fromstring(part), source, parts)


def _related(rels: etree._Element, source: str, parts: dict[str, bytes]) -> None:
    ids = [element.get("Id") for element in rels]
    assert len(ids) == len(set(ids)), source
    for element in rels:
        target = posixpath.join("/", posixpath.dirname(source), str(element.get("Target")))
        external = element.get("TargetMode") == "External"
        assert external or posixpath.normpath(target).lstrip("/") in parts, target


def _formats(styles: bytes) -> int:
    root = etree.fromstring(styles)
    counts = {}
    for name in ("fonts", "fills", "borders", "cellXfs"):
        (held,) = root.iterfind(f"{{*}}{name}")
        assert int(held.get("count", str(len(held)))) == len(held), name
        counts[name] = len(held)
    for xf in root.iterfind("{*}cellXfs/{*}xf"):
        assert int(xf.get("fontId", "0")) < counts["fonts"]
        assert int(xf.get("fillId", "0")) < counts["fills"]
    return counts["cellXfs"]


def _listed(workbook: etree._Element) -> None:
    assert in_order(workbook, WORKBOOK)
    sheets = list(workbook.iterfind("{*}sheets/{*}sheet"))
    for key in ("name", "sheetId"):
        assert len({sheet.get(key) for sheet in sheets}) == len(sheets)
    for view in workbook.iter("{*}workbookView"):
        assert int(view.get("activeTab", "0")) < len(sheets)
    for name in workbook.iter("{*}definedName"):
        assert int(name.get("localSheetId", "0")) < len(sheets)


def _sheet(root: etree._Element, formats: int, parts: dict[str, bytes], name: str) -> None:
    assert in_order(root, WORKSHEET), [local(child) for child in root]
    before = 0
    for col in root.iterfind("{*}cols/{*}col"):
        assert before < int(str(col.get("min"))) <= int(str(col.get("max"))) <= 16_384
        before = int(str(col.get("max")))
    before = 0
    for row in root.iterfind("{*}sheetData/{*}row"):
        number, column = int(str(row.get("r"))), 0
        assert number > before
        before = number
        for cell in row:
            at = place(str(cell.get("r")))
            assert at[0] == number, cell.get("r")
            assert at[1] > column, cell.get("r")
            assert int(cell.get("s", "0")) < formats
            column = at[1]
    drawings = root.findall("{*}legacyDrawing")
    assert len(drawings) <= 1
    folder, file = posixpath.split(name)
    related = parts.get(f"{folder}/_rels/{file}.rels", b"<none/>").decode()
    assert ("comments" in related) <= len(drawings)
