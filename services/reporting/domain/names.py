"""What figures, statements and indicators are called: a code for programs, a title for people."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

Code = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_.-]{0,79}$", examples=["recv.total"])]
Title = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
