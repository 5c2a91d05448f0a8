"""The first user of an installation 初始化: made at the machine, in a log that holds nothing."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from libs.events.contracts.directory import DirectoryBegun, RoleGranted, UserRegistered
from libs.events.decider import Decision, Facts, Fold
from libs.events.errors import Refused
from libs.events.types import Command, Event, stream_id

from .user import Post, Subject, user_stream

BEGINNING = stream_id("beginning", "directory")


class BeginDirectory(Command):
    """初始化用户目录: 第一个安全管理员。只在空库、由运维在本机执行。"""

    subject: Subject
    post: Post = "安全管理员"


class LogNotEmpty(Refused):
    """已有数据，不能再初始化：位置 {first} 已有事件。"""


class BeginningFacts(Facts, frozen=True, kw_only=True):
    """`first`: the position of the first event that is neither the log's own opening nor a
    refusal, which anybody may cause."""

    first: int | None


@dataclass(frozen=True, slots=True)
class Beginning:
    user: UUID | None = None


def begin(state: Beginning, command: BeginDirectory, facts: BeginningFacts) -> Decision:
    """One security administrator, of the whole installation and of no unit."""
    if state.user is not None or facts.first is not None:
        raise LogNotEmpty(first=facts.first)
    user = user_stream(command.subject)
    registered = UserRegistered(
        user=user, area=None, subject=command.subject, unit=None, post=command.post
    )
    granted = RoleGranted(
        user=user,
        area=None,
        grant=stream_id("grant", str(user), str(user), "security"),
        role="security",
        duties=("security",),
        valid_from=command.occurred_on,
        valid_until=None,
        document=None,
    )
    begun = DirectoryBegun(area=None, user=user)
    events: dict[UUID, tuple[Event, ...]] = {BEGINNING: (begun,), user: (registered, granted)}
    return Decision(events, {"id": str(user)})


def _evolve(state: Beginning, event: Event) -> Beginning:
    return Beginning(event.user) if isinstance(event, DirectoryBegun) else state


beginnings: Fold[Beginning] = Fold("beginning", Beginning(), _evolve)
