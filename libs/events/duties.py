"""Duties 职责: what routes ask for and grants give. A role is a bundle of them, and data."""

from __future__ import annotations

from typing import Literal, get_args

Duty = Literal["clerk", "finance", "steward", "auditor", "operator", "security", "system"]
DUTIES: tuple[str, ...] = get_args(Duty)
"""clerk 业务经办, finance 财政, steward 基础数据, auditor 审计, operator 系统管理,
security 安全管理, system 对接系统."""
ADMINISTRATORS: tuple[tuple[str, str], ...] = (
    ("operator", "security"),
    ("operator", "auditor"),
    ("security", "auditor"),
)
"""The three that GB/T 22239 keeps apart: system, security and audit administrators."""
