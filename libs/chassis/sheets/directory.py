"""What a workbook says of its own parts: content types, relations, and the list of sheets; and the
summary sheet put before the others.
"""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from decimal import Decimal
from zipfile import ZipFile

from lxml import etree

from .cells import letter
from .formats import serialized
from .package import CONTENT_TYPES, Package, parsed
from .pieces import IrregularError
from .spelling import Value, csv_field, digits, text_cell
from .writing import HEAD, MAIN, PACKAGE, RELATIONS, TYPES, member

SUMMARY = "汇总"
SUMMARY_NAME = "suyuan_summary"
"""A name in the workbook by which our summary is known again when it comes back."""
WIDTHS = (44, 12, 12, 12, 12, 16, 16)
_VML = "application/vnd.openxmlformats-officedocument.vmlDrawing"
_AFTER_NAMES = (
    *("calcPr", "oleSize", "customWorkbookViews", "pivotCaches", "smartTagPr", "smartTagTypes"),
    *("webPublishing", "fileRecoveryPr", "webPublishObjects", "extLst"),
)
_NO_RELATIONS = f'{HEAD}<Relationships xmlns="{PACKAGE}/relationships"/>'.encode()


class Directory:
    """The parts that name other parts, as they will be written."""

    def __init__(self, package: Package, workbook: str, sheet: str) -> None:
        self.package, self.workbook, self.sheet = package, package.named(workbook), sheet
        self.types = package.xml(CONTENT_TYPES)
        self.root = package.xml(workbook)
        self.rels: dict[str, etree._Element] = {}
        if etree.QName(self.root).namespace != MAIN:
            raise IrregularError
        listed = self.root.find(f"{{{MAIN}}}sheets")
        if listed is None:
            raise IrregularError
        self.listed = listed
        self.sheets = len(listed)

    @property
    def marked_before(self) -> bool:
        """Whether our summary stands in it."""
        return self._old_summary() is not None

    @property
    def changed(self) -> set[str]:
        """Members that are written anew, and so are not copied."""
        parts = [CONTENT_TYPES, self.workbook, _rels(self.workbook), _rels(self.sheet)]
        parts += [part for part in (self._old_summary(),) if part]
        return {self.package.named(part) for part in parts if part in self.package}

    def free(self, stem: str) -> str:
        """A name that no part has: xl/comments7.xml."""
        suffix = ".vml" if stem.endswith("vml") else ".xml"
        number = 1
        while f"xl/{stem}{number}{suffix}" in self.package:
            number += 1
        return f"xl/{stem}{number}{suffix}"

    def free_relation(self, part: str) -> str:
        used = {element.get("Id") for element in self._relations(part)}
        return next(f"rIdS{n}" for n in range(1, len(used) + 2) if f"rIdS{n}" not in used)

    def relate(self, part: str, relation: str, kind: str, target: str) -> None:
        said = {"Id": relation, "Type": f"{RELATIONS}/{kind}", "Target": f"/{target}"}
        etree.SubElement(self._relations(part), f"{{{PACKAGE}/relationships}}Relationship", said)

    def typed(self, part: str, kind: str) -> None:
        said = {"PartName": f"/{part}", "ContentType": f"{TYPES}.{kind}+xml"}
        etree.SubElement(self.types, f"{{{PACKAGE}/content-types}}Override", said)

    def vml(self) -> None:
        known = {found.get("Extension", "").lower() for found in self.types.iter("{*}Default")}
        if "vml" not in known:
            tag = f"{{{PACKAGE}/content-types}}Default"
            self.types.insert(0, self.types.makeelement(tag, Extension="vml", ContentType=_VML))

    def add_summary(self, made: ZipFile, rows: Sequence[Sequence[Value]], heading: int) -> None:
        """The first sheet; one that we put there before is replaced."""
        part = self._old_summary()
        if part is None:
            part = self.free("worksheets/sheet")
            self.typed(part, "worksheet")
            relation = self.free_relation(self.workbook)
            self.relate(self.workbook, relation, "worksheet", part)
            self._list_first(relation)
        made.writestr(member(part), _summary(rows, heading))

    def write(self, made: ZipFile) -> None:
        made.writestr(member(CONTENT_TYPES), serialized(self.types))
        made.writestr(member(self.workbook), serialized(self.root))
        for part in (self.workbook, self.sheet):
            if len(related := self._relations(part)):
                made.writestr(member(_rels(part)), serialized(related))

    def _relations(self, part: str) -> etree._Element:
        if part not in self.rels:
            name = _rels(part)
            known = self.package.read(name) if name in self.package else _NO_RELATIONS
            self.rels[part] = parsed(known)
        return self.rels[part]

    def _old_summary(self) -> str | None:
        return old_summary(self.package, self.workbook, self.root)

    def _list_first(self, relation: str) -> None:
        """Every number that counts sheets goes up by one; the user's own sheet stays in front."""
        names = {sheet.get("name") for sheet in self.listed}
        numbers = [int(sheet.get("sheetId", "0")) for sheet in self.listed]
        name = next(
            n for n in (SUMMARY, *(f"{SUMMARY}({i})" for i in range(2, 99))) if n not in names
        )
        said = {"name": name, "sheetId": str(max(numbers) + 1), f"{{{RELATIONS}}}id": relation}
        element = self.listed.makeelement(f"{{{MAIN}}}sheet", said, {"r": RELATIONS})
        self.listed.insert(0, element)
        for local in self.root.iter(f"{{{MAIN}}}definedName"):
            if (index := local.get("localSheetId")) is not None:
                local.set("localSheetId", str(int(index) + 1))
        self._views()
        self._name(f"'{name}'!$A$1")

    def _views(self) -> None:
        views = list(self.root.iter(f"{{{MAIN}}}workbookView"))
        if not views:
            held = self.root.makeelement(f"{{{MAIN}}}bookViews", {})
            self.listed.addprevious(held)
            views = [etree.SubElement(held, f"{{{MAIN}}}workbookView")]
        for view in views:
            view.set("activeTab", str(int(view.get("activeTab", "0")) + 1))
            if (first := int(view.get("firstSheet", "0"))) > 0:
                view.set("firstSheet", str(first + 1))

    def _name(self, place: str) -> None:
        names = self.root.find(f"{{{MAIN}}}definedNames")
        if names is None:
            names = self.root.makeelement(f"{{{MAIN}}}definedNames", {})
            after = [e for e in self.root if etree.QName(e).localname in _AFTER_NAMES]
            if after:
                after[0].addprevious(names)
            else:
                self.root.append(names)
        said = {"name": SUMMARY_NAME, "hidden": "1"}
        etree.SubElement(names, f"{{{MAIN}}}definedName", said).text = place


def old_summary(package: Package, workbook: str, root: etree._Element) -> str | None:
    """The part of the summary that we put into this workbook, if we did."""
    for name in root.iter("{*}definedName"):
        if name.get("name") == SUMMARY_NAME:
            title = (name.text or "").rpartition("!")[0].strip("'")
            ids = [_relation(s) for s in root.iter("{*}sheet") if s.get("name") == title]
            related = package.relations(workbook)
            return next((package.named(r.target) for r in related if r.id in ids), None)
    return None


def _relation(sheet: etree._Element) -> str:
    return str(sheet.get(f"{{{RELATIONS}}}id"))


def _rels(part: str) -> str:
    folder, name = posixpath.split(part)
    return posixpath.join(folder, "_rels", f"{name}.rels")


def _summary(rows: Sequence[Sequence[Value]], heading: int) -> str:
    cols = "".join(
        f'<col min="{n}" max="{n}" width="{w}" customWidth="1"/>' for n, w in enumerate(WIDTHS, 1)
    )
    told = "".join(
        f'<row r="{number}">'
        + "".join(
            _summary_cell(f"{letter(at)}{number}", value, heading if number == 1 else 0)
            for at, value in enumerate(row, 1)
        )
        + "</row>"
        for number, row in enumerate(rows, 1)
    )
    return (
        f'{HEAD}<worksheet xmlns="{MAIN}"><cols>{cols}</cols><sheetData>{told}</sheetData>'
        "</worksheet>"
    )


def _summary_cell(reference: str, value: Value, style: int) -> str:
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return f'<c r="{reference}" s="{style}"><v>{digits(value)}</v></c>'
    text = value if isinstance(value, str) else csv_field(value)
    return text_cell(reference, text, style) if text else ""
