"""The columns of 农户花名册, by every head that townships give them."""

from __future__ import annotations

from datetime import date

from libs.chassis.imports.columns import Choice, Code, Listed, PersonalNumber, Place, Text
from libs.chassis.imports.quantities import Day, Money
from services.households.domain.household_row import HEAD

RELATIONS = {
    "户主": HEAD,
    "本人": HEAD,
    "本人或户主": HEAD,
    "配偶": "spouse",
    "妻": "spouse",
    "夫": "spouse",
    "之子": "son",
    "子": "son",
    "之女": "daughter",
    "女": "daughter",
    "之儿媳": "daughter_in_law",
    "儿媳": "daughter_in_law",
    "之女婿": "son_in_law",
    "女婿": "son_in_law",
    "之孙子": "grandson",
    "孙子": "grandson",
    "之孙女": "granddaughter",
    "孙女": "granddaughter",
    "之父": "father",
    "父亲": "father",
    "之母": "mother",
    "母亲": "mother",
    "之兄弟姐妹": "sibling",
    "其他": "other",
}
SYNTHETIC = "演示"
"""In the remarks of a row: made for a demonstration, nobody's."""
COLUMNS = (
    Code(field="household", title="户编号", aliases=("户号", "农户编号", "户编码")),
    Text(field="name", title="姓名", aliases=("成员姓名",), longest=60, personal=True),
    PersonalNumber(
        field="id_number",
        title="证件号码",
        aliases=("身份证号", "身份证号码", "公民身份号码", "身份证件号码"),
        pattern=r"[0-9A-Za-z()-]{6,40}",
        required=False,
    ),
    Choice(
        field="relation",
        title="与户主关系",
        aliases=("与户主的关系", "户主关系", "关系"),
        words=RELATIONS,
    ),
    Place(field="village", title="村编码", aliases=("行政村", "所在村", "村", "村名", "村代码")),
    Listed(
        field="register_type",
        title="户类型",
        aliases=("类型", "农户类型", "监测类别"),
        set="register_type",
        required=False,
    ),
    Day(
        field="registered_on",
        title="登记日期",
        aliases=("识别日期", "纳入日期", "认定日期"),
        earliest=date(2013, 1, 1),
    ),
    Money(
        field="income",
        title="人均纯收入",
        aliases=("家庭人均纯收入", "年人均纯收入"),
        required=False,
    ),
    PersonalNumber(
        field="phone",
        title="电话",
        aliases=("联系电话", "手机号码", "手机"),
        pattern=r"\+?[0-9-]{3,30}",
        required=False,
    ),
    Text(field="bank", title="开户银行", aliases=("开户行",), longest=120, required=False),
    PersonalNumber(
        field="account",
        title="银行账号",
        aliases=("账号", "一卡通账号", "卡号"),
        pattern=r"[0-9A-Za-z-]{4,40}",
        required=False,
    ),
    Text(field="note", title="备注", required=False),
)
