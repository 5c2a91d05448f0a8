"""Names of illnesses 病名: they do not belong into a text about a person or household (design 9).

Such texts are a remark, a clue, the name of a sheet of people. That somebody is at risk by illness
(因病) may be said, which illness may not. Texts about money name illnesses rightly, as a letter on
a programme's funds does, and are not asked. Words that stand inside others (其中风险) are left out.
Source: the kinds of 大病专项救治, and what villages write beside them; from memory, to be verified.
"""

from __future__ import annotations

import re

_NAMES = (
    *("癌", "恶性肿瘤", "白血病", "淋巴瘤", "骨肉瘤", "母细胞瘤", "先天性心脏病", "先心病"),
    *("风湿性心脏病", "心肌梗死", "心肌梗塞", "心梗", "脑卒中", "脑梗", "脑出血"),
    *("肾病", "尿毒症", "肾衰竭", "肾功能衰竭", "白内障", "尘肺", "矽肺", "血友病"),
    *("地中海贫血", "唇腭裂", "尿道下裂", "结核", "慢阻肺", "慢性阻塞性肺", "艾滋", "HIV"),
    *("精神病", "精神疾病", "精神障碍", "精神分裂", "抑郁症", "癫痫", "糖尿病", "高血压"),
    *("肝炎", "乙肝", "丙肝", "肝硬化", "梅毒", "淋病", "瘫痪", "偏瘫", "截瘫", "脑瘫"),
    *("帕金森", "老年痴呆", "阿尔茨海默", "红斑狼疮", "再生障碍性贫血"),
)
_ANY = re.compile("|".join(_NAMES), re.IGNORECASE)
ILLNESS = "病名"


def names_illness(text: str) -> bool:
    return _ANY.search(text) is not None
