"""What may bend in a roster 例外放行: whose account it is. Told of each row before its command is
made, by the same rows of reference data by which the rule decides it (severity.py)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from libs.chassis.imports.importer import Asked, Desk, Fault, Taken
from libs.events.clock import today
from libs.events.reference import reference
from libs.events.severity import SEVERITIES, Override, Severity, strictest
from services.funds.domain.account import AccountNotOwn, AccountSeen, SharedAccount
from services.funds.domain.batch import Batch

REASONS = {
    AccountNotOwn.__name__: Asked(
        name="account_not_own_reason",
        title="账号不是本人现用的：放行理由",
        pattern=r".{1,200}",
        required=False,
    ),
    SharedAccount.__name__: Asked(
        name="shared_account_reason",
        title="一个账号多个姓名：放行理由",
        pattern=r".{1,200}",
        required=False,
    ),
}
CORRECT = "核对账号，或先变更登记的收款账户；公共账户在“账户类型”中写明"


@dataclass(frozen=True, slots=True)
class Objections:
    """How strict each rule is for this batch, and why it is to let through, where that is said."""

    severities: Mapping[str, Severity]
    reasons: Mapping[str, str]
    role: str

    @property
    def overrides(self) -> tuple[Override, ...]:
        return tuple(Override(rule=rule, reason=why) for rule, why in self.reasons.items())

    def to(self, row: Taken, account: AccountSeen | None) -> Iterable[Fault]:
        if account is None:
            return
        if account.not_own:
            said = "本人原先的，现用的是另一个" if account.of == "former" else "他人的"
            yield self._fault(AccountNotOwn.__name__, f"账号是{said}")
        if account.of_many:
            message = f"账号与第 {row.shares} 行相同，姓名不同"
            yield self._fault(SharedAccount.__name__, message)

    def _fault(self, rule: str, message: str) -> Fault:
        """Let pass with a warning where a row of reference data, or a reason, says so."""
        severity = self.severities[rule]
        if severity.severity == "warn":
            return Fault(rule, message, CORRECT, "account", "warn")
        if severity.severity == "block":
            return Fault(rule, message, CORRECT, "account")
        if severity.evidence or (severity.roles and self.role not in severity.roles):
            roles = "、".join(severity.roles) or "经办人"
            return Fault(rule, message, f"须由 {roles} 附依据另行报这一行", "account")
        if rule in self.reasons:
            return Fault(rule, message, "已按导入时写明的理由放行", "account", "warn")
        hint = f"{CORRECT}；确应发放的，在导入时填写“{REASONS[rule].title}”"
        return Fault(rule, message, hint, "account")


async def objections(desk: Desk, batch: Batch) -> Objections:
    """As the rows in force for the batch's area say."""
    rows = await reference(desk.streams, SEVERITIES.name)
    path = await desk.log.known.path(batch.area or desk.area)
    days = (desk.day, today())
    reasons = {
        rule: desk.settings[asked.name]
        for rule, asked in REASONS.items()
        if asked.name in desk.settings
    }
    strict = {rule: strictest(rows, rule, path, days) for rule in REASONS}
    return Objections(strict, reasons, desk.actor.role)
