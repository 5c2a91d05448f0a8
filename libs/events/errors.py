"""What can go wrong, as one tree.

Refused                 a rule said no: 409 (403 for scope and role); an event too, bound to its key
  NotYourArea, ExternalRefTaken, … and each service's own, beside the rule
EventsError             the machinery said no; nothing was stored
  KeyReusedError        the key was used for another request                       409
  ChangedMeanwhileError If-Match named another version                             412
  BusyError             three tries met concurrent writers, or the queue is full   503
  NotFoundError         no such thing, or outside the caller's area                404
  StaleReferenceError   a foreign fact is older than the command allows            503
  NotYetVisibleError    the position asked for was not reached in time             503
  NotNameableError      an external_ref on a command that makes no single thing      422
  TooLargeError         an event would be larger than 256 KiB                      413
  ClockError            the database clock cannot be believed                      503
  EpochError            this process belongs to an earlier life of the store       503
  FeedStoppedError           a feed that must not be read on: loud, never skipped
    ForkedError, HoleError, PoisonError, ReplacedError, ParkedFullError

A refusal's docstring is the sentence the user sees; its fields are the numbers in it.
"""

from __future__ import annotations

from typing import Any, ClassVar

Number = int | str | None


class Refused(Exception):
    """{name}：该操作不符合规则。"""

    status: ClassVar[int] = 409

    def __init__(self, **numbers: Number) -> None:
        self.numbers = numbers
        super().__init__(self.detail)

    @property
    def name(self) -> str:
        return type(self).__name__

    @property
    def title(self) -> str:
        """The rule in words: the sentence up to its first Chinese colon."""
        return self._told(_sentence(self).split("：", 1)[0].rstrip("。"))

    @property
    def detail(self) -> str:
        """The whole sentence with the numbers; amounts in yuan beside the fen."""
        return self._told(_sentence(self))

    def _told(self, sentence: str) -> str:
        spelled = {key: _spell(key, value) for key, value in self.numbers.items()}
        return sentence.format_map({"name": self.name, **spelled})


def _sentence(refusal: Refused) -> str:
    return (type(refusal).__doc__ or "{name}").strip()


def _spell(key: str, value: Number) -> str:
    if key.endswith("_fen") and isinstance(value, int):
        yuan, fen = divmod(abs(value), 100)
        return f"{'-' if value < 0 else ''}{yuan:,}.{fen:02d} 元"
    return "无" if value is None else str(value)


class NotYourArea(Refused):
    """不在您的辖区：该事项属于区域 {area}，您的范围是 {scope}。"""

    status = 403


class UnknownArea(Refused):
    """区域未登记：本服务的区域副本中没有该区域。"""


class AreaEnded(Refused):
    """区域已撤并：区域 {area} 自 {ended_on} 起不再存在，不能登记 {counted_on} 起生效的新事项。"""


class ScopeEnded(Refused):
    """辖区已撤并：您的辖区 {scope} 自 {ended_on} 起不再存在，由承接区域办理。"""

    status = 403


class RoleNotHeld(Refused):
    """角色不符：该操作需要角色 {needed}，您的角色是 {held}。"""

    status = 403


class ExternalRefTaken(Refused):
    """来源编号已被使用：{system} 的 {id} 已登记为 {target}。"""


class EventsError(Exception):
    """The machinery could not do it; nothing was stored."""

    status: ClassVar[int] = 503
    title: ClassVar[str] = "系统暂时无法处理"

    def __init__(self, detail: str = "", **facts: Any) -> None:
        self.facts = facts
        super().__init__(detail or self.title)


class KeyReusedError(EventsError):
    status = 409
    title = "幂等键已用于另一请求"


class ChangedMeanwhileError(EventsError):
    status = 412
    title = "内容已被他人修改"


class BusyError(EventsError):
    title = "并发写入过多，请稍后用同一幂等键重试"


class NotFoundError(EventsError):
    status = 404
    title = "未找到，或不在您的辖区"


class StaleReferenceError(EventsError):
    title = "外部事实副本过旧"


class NotYetVisibleError(EventsError):
    title = "所要求的位置尚不可见"


class NotNameableError(EventsError):
    status = 422
    title = "该命令不能带来源编号"
    place = "/external_ref"


class TooLargeError(EventsError):
    status = 413
    title = "内容过大，请分成几次"


class ClockError(EventsError):
    title = "数据库时钟不可信"


class EpochError(EventsError):
    title = "本进程属于该库的旧纪元"


class FeedStoppedError(EventsError):
    """A feed must not be read on; the message names the position."""

    title = "事件流已停止"


class ForkedError(FeedStoppedError):
    title = "事件流分叉"


class HoleError(FeedStoppedError):
    title = "事件流缺号"


class PoisonError(FeedStoppedError):
    title = "事件无法应用"


class ReplacedError(FeedStoppedError):
    title = "读取者已被替换"


class ParkedFullError(FeedStoppedError):
    title = "停放的事件过多"
