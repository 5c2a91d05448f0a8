"""Why a file is no workbook that can be read, and what its owner does next.

The sentences quote no cell and no file name: both may hold a person's number.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from struct import error as struct_error
from xml.parsers.expat import ExpatError
from zipfile import BadZipFile

from lxml import etree

from libs.events.errors import Refused


class UnreadableBook(Refused):
    """文件不能读取：{why}，请{step}。"""


class Why(Enum):
    """Each with the next step."""

    EMPTY = ("文件是空的", "检查原文件后重新上传")
    ENCRYPTED = ("文件设有打开密码", "在 Excel 或 WPS 中取消密码，另存为 .xlsx 后再上传")
    ET = ("这是 WPS 专用的 .et 格式", "在 WPS 中另存为 .xlsx 后再上传")
    BINARY = ("这是二进制工作簿（.xlsb）", "在 Excel 中另存为 .xlsx 后再上传")
    ODS = ("这是 OpenDocument 表格（.ods）", "另存为 .xlsx 后再上传")
    MARKUP = (
        "这是网页或 XML 格式的表格，只是换了扩展名",
        "用 Excel 或 WPS 打开，另存为 .xlsx 后再上传",
    )
    NO_BOOK = ("这不是 Excel 工作簿或 CSV 文件", "上传 .xlsx、.xls 或 .csv 文件")
    ENCODING = ("文本编码不能识别", "用 Excel 或 WPS 打开，另存为 .xlsx 后再上传")
    TOO_LARGE = ("展开后超出允许的大小", "删去多余的工作表和图片，或拆成几个文件后再上传")
    DAMAGED = ("文件已损坏或不完整", "用 Excel 或 WPS 打开，另存为 .xlsx 后再上传")

    def refused(self) -> UnreadableBook:
        why, step = self.value
        return UnreadableBook(why=why, step=step)


LONGEST_TEXT = 1 << 18
"""Characters of a cell. Excel holds 32,767, each of which may be spelled by seven (_x000A_)."""
LONGEST_ROW = 1 << 22
"""Characters of a row: nobody's, and what a row costs in memory."""


def beyond(where: str, what: str, most: int) -> UnreadableBook:
    """A place of the file that holds more than any program writes."""
    return UnreadableBook(why=f"{where}的{what}超过 {most:,}", step="检查并改正该处后重新上传")


def text_beyond(row: int) -> UnreadableBook:
    return beyond(f"第 {row} 行一格", "字符数", LONGEST_TEXT)


def row_beyond(row: int) -> UnreadableBook:
    return beyond(f"第 {row} 行", "字符数", LONGEST_ROW)


FAULTS = (
    *(BadZipFile, ExpatError, etree.XMLSyntaxError, zlib.error, struct_error),
    *(EOFError, KeyError, NotImplementedError, UnicodeError, ValueError, OverflowError),
)
"""What the readers below raise over a file that is not what it says."""


@contextmanager
def damage_told() -> Iterator[None]:
    """Raises: UnreadableBook in place of what a parser says of a damaged file."""
    try:
        yield
    except FAULTS as fault:
        raise Why.DAMAGED.refused() from fault
