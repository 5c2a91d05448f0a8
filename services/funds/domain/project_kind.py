"""The code table of kinds of project 项目类型, dated and per area."""

from __future__ import annotations

from pydantic import Field

from libs.events.dated_rows import Set, Values


class ProjectKind(Values):
    """The key is the code that projects carry; `parent`: the kind above it."""

    title: str = Field(min_length=1, max_length=60, examples=["基础设施"])
    parent: str | None = Field(default=None, pattern=r"^[a-z][a-z0-9_]{0,39}$")


PROJECT_KINDS = Set("project_kind", "项目类型", ProjectKind)
