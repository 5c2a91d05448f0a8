"""Users, grants and delegations: what may be given to whom, and what falls with what."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

import pytest
from pydantic import ValidationError

from libs.events.contracts.directory import RoleDelegated, RoleGranted, UserRegistered
from libs.events.contracts.rules import ReferenceRow, ReferenceSet
from libs.events.dated_rows import Reference, references
from libs.events.decider import Facts
from libs.events.errors import UnknownArea
from services.households.domain import grant, user
from services.households.domain.grant import (
    BeyondGrant,
    Delegate,
    DelegatedToOneself,
    Delegating,
    DutiesIncompatible,
    EndGrant,
    Ending,
    EndNotEarlier,
    GrantAlreadyThere,
    GrantedToOneself,
    Granting,
    GrantRole,
    UnknownGrant,
    UnknownRole,
)
from services.households.domain.organisation import Organisation
from services.households.domain.user import (
    ChangePost,
    DisableUser,
    HandedOverToOneself,
    HandOverWork,
    Pair,
    RegisterUser,
    Seat,
    UnknownUnit,
    UnknownUser,
    User,
    UserAlreadyDisabled,
    UserAlreadyRegistered,
    UserIsDisabled,
    users,
)
from tests.spec import when

COUNTY, UNIT = UUID(int=1), Organisation(UUID(int=5), UUID(int=1), "财政局", "bureau")
HERE = Facts(path=(COUNTY,))
DAY = date(2026, 3, 1)
EMPTY = Reference()


def command(kind: Any, **fields: Any) -> Any:
    return kind(occurred_on=DAY, **fields)


def registered(subject: str = "s1") -> User:
    asked = command(RegisterUser, subject=subject, unit=UNIT.id, post="股长")
    told = when(user.register, Seat(User(), UNIT), asked, HERE).accepted()
    return after(User(), told)


def after(state: User, decision: Any) -> User:
    return users.over((e for facts in decision.events.values() for e in facts), state)


def given(state: User, role: str, since: date = DAY, until: date | None = None) -> User:
    asked = command(GrantRole, role=role, area=COUNTY, valid_from=since, valid_until=until)
    return after(state, when(grant.grant, Granting(state, EMPTY, EMPTY), asked, HERE).accepted())


def disabled(state: User) -> User:
    return after(state, when(user.disable, state, command(DisableUser, reason="换届")).accepted())


def rows(name: str, **by_key: Any) -> Reference:
    them = tuple(
        ReferenceRow(key=key, valid_from=DAY, valid_until=None, values=values)
        for key, values in by_key.items()
    )
    return references.over(
        [ReferenceSet(set=name, area=None, origin="local", document=None, rows=them)]
    )


def test_a_user_is_registered_once_for_a_unit_that_is_there() -> None:
    asked = command(RegisterUser, subject="s1", unit=UNIT.id, post="股长")
    when(user.register, Seat(User(), UNIT), asked, HERE).then(
        UserRegistered(user=asked.user(), area=COUNTY, subject="s1", unit=UUID(int=5), post="股长")
    )
    when(user.register, Seat(registered(), UNIT), asked, HERE).refused(UserAlreadyRegistered)
    when(user.register, Seat(User(), Organisation()), asked, HERE).refused(UnknownUnit)
    move = command(ChangePost, unit=UUID(int=9), post="会计")
    when(user.change_post, Seat(registered(), Organisation()), move, HERE).refused(UnknownUnit)
    when(user.change_post, Seat(disabled(registered()), UNIT), move, HERE).refused(UserIsDisabled)


def test_a_role_holds_the_duties_that_the_data_give_it_on_its_first_day() -> None:
    cashier = rows("role", cashier={"title": "出纳", "duties": ("finance", "clerk")})
    asked = command(GrantRole, role="cashier", area=COUNTY, valid_from=DAY)
    state = Granting(registered(), cashier, EMPTY)
    told = when(grant.grant, state, asked, HERE).accepted()
    (event,) = next(iter(told.events.values()))
    assert isinstance(event, RoleGranted)
    assert event.duties == ("finance", "clerk")
    early = asked.model_copy(update={"valid_from": date(2026, 2, 1)})
    when(grant.grant, state, early, HERE).refused(UnknownRole, role="cashier")
    again = Granting(after(state.user, told), cashier, EMPTY)
    when(grant.grant, again, asked, HERE).refused(GrantAlreadyThere)
    when(grant.grant, state, asked, Facts(path=())).refused(UnknownArea)
    off = Granting(disabled(registered()), cashier, EMPTY)
    when(grant.grant, off, asked, HERE).refused(UserIsDisabled)


@pytest.mark.parametrize(
    ("one", "other"), [("operator", "security"), ("auditor", "operator"), ("security", "auditor")]
)
def test_the_three_administrators_never_meet_in_one_person(one: str, other: str) -> None:
    asked = command(GrantRole, role=other, area=COUNTY, valid_from=DAY)
    held = given(registered(), one)
    when(grant.grant, Granting(held, EMPTY, EMPTY), asked, HERE).refused(DutiesIncompatible)
    over = given(registered(), one, date(2026, 1, 1), date(2026, 2, 28))
    when(grant.grant, Granting(over, EMPTY, EMPTY), asked, HERE).accepted()
    both = rows("role", both={"title": "x", "duties": (one, other)})
    asked = command(GrantRole, role="both", area=COUNTY, valid_from=DAY)
    when(grant.grant, Granting(registered(), both, EMPTY), asked, HERE).refused(DutiesIncompatible)


def test_what_else_may_not_meet_is_data() -> None:
    pair = rows("incompatible_duties", money={"duties": ("clerk", "finance")})
    asked = command(GrantRole, role="finance", area=COUNTY, valid_from=DAY)
    held = given(registered(), "clerk")
    when(grant.grant, Granting(held, EMPTY, EMPTY), asked, HERE).accepted()
    when(grant.grant, Granting(held, EMPTY, pair), asked, HERE).refused(
        DutiesIncompatible, one="clerk", other="finance"
    )


def lending(giver: User, to: User, **more: Any) -> tuple[Delegating, Delegate]:
    (id_,) = [key for key, one in giver.grants.items() if one.of is None]
    days: dict[str, Any] = {"valid_from": DAY, "valid_until": date(2026, 3, 7)}
    fields = {"grant": id_, "to": to.id, "document": "委字1号", **days, **more}
    return Delegating(giver, to, EMPTY), command(Delegate, **fields)


def test_a_delegation_lends_one_grant_within_its_days() -> None:
    giver = given(registered(), "finance", DAY, date(2026, 12, 31))
    to = registered("s2")
    state, asked = lending(giver, to)
    told = when(grant.delegate, state, asked, HERE).accepted()
    (event,) = next(iter(told.events.values()))
    assert isinstance(event, RoleDelegated)
    assert (event.to, event.duties, event.area) == (to.id, ("finance",), COUNTY)
    lent = after(giver, told)
    when(grant.delegate, Delegating(lent, to, EMPTY), asked, HERE).refused(GrantAlreadyThere)
    chained = asked.model_copy(update={"grant": asked.delegation()})
    when(grant.delegate, Delegating(lent, to, EMPTY), chained, HERE).refused(UnknownGrant)
    for more, refusal in (
        ({"valid_until": date(2027, 1, 1)}, BeyondGrant),
        ({"valid_from": date(2026, 2, 28)}, BeyondGrant),
        ({"grant": UUID(int=77)}, UnknownGrant),
    ):
        state, asked = lending(giver, to, **more)
        when(grant.delegate, state, asked, HERE).refused(refusal)
    strange, asked = Delegating(giver, User(), EMPTY), lending(giver, to)[1]
    when(grant.delegate, strange, asked, HERE).refused(UnknownUser)
    state, asked = lending(giver, giver)
    when(grant.delegate, state, asked, HERE).refused(DelegatedToOneself)
    state, asked = lending(giver, disabled(to))
    when(grant.delegate, state, asked, HERE).refused(UserIsDisabled)


def test_a_duty_that_the_taker_may_not_hold_is_not_lent() -> None:
    giver, to = given(registered(), "auditor"), given(registered("s2"), "operator")
    state, asked = lending(giver, to)
    when(grant.delegate, state, asked, HERE).refused(DutiesIncompatible)


def test_an_end_is_of_a_grant_that_is_there() -> None:
    held = given(registered(), "finance")
    (id_,) = held.grants
    asked = command(EndGrant, grant=id_, valid_until=date(2026, 3, 2), reason="调离")
    told = when(grant.end, Ending(held, User()), asked).accepted()
    over = after(held, told)
    assert over.grants[id_].valid_until == date(2026, 3, 2)
    strange = asked.model_copy(update={"grant": UUID(int=3)})
    when(grant.end, Ending(held, User()), strange).refused(UnknownGrant)
    for day in (date(2026, 3, 2), date(2099, 1, 1)):
        later = asked.model_copy(update={"valid_until": day})
        when(grant.end, Ending(over, User()), later).refused(EndNotEarlier)


def test_an_administrator_whose_grant_is_over_does_not_come_back_beside_another() -> None:
    held = given(registered(), "operator", DAY, date(2026, 3, 31))
    held = given(held, "security", date(2026, 4, 1))
    (id_, _) = held.grants
    asked = command(EndGrant, grant=id_, valid_until=date(2099, 1, 1), reason="x")
    when(grant.end, Ending(held, User()), asked).refused(EndNotEarlier)


def test_what_two_lend_to_one_counts_together_and_goes_with_its_end() -> None:
    operator, security = given(registered("o"), "operator"), given(registered("s"), "security")
    to = registered("t")
    state, asked = lending(operator, to)
    told = when(grant.delegate, state, asked, HERE).accepted()
    giver_events, taker_events = (told.events[one] for one in (operator.id, to.id) if one)
    holding = users.over(taker_events, to)
    state, other = lending(security, holding)
    when(grant.delegate, state, other, HERE).refused(DutiesIncompatible)
    own = command(GrantRole, role="auditor", area=COUNTY, valid_from=DAY)
    when(grant.grant, Granting(holding, EMPTY, EMPTY), own, HERE).refused(DutiesIncompatible)
    lender = users.over(giver_events, operator)
    end = command(EndGrant, grant=asked.delegation(), valid_until=date(2026, 2, 1), reason="x")
    ended = when(grant.end, Ending(lender, holding), end).accepted()
    free = users.over(ended.events[to.id] if to.id else (), holding)
    state, other = lending(security, free)
    when(grant.delegate, state, other, HERE).accepted()


def test_nobody_grants_or_lends_to_oneself() -> None:
    one = registered()
    asked = command(GrantRole, role="clerk", area=COUNTY, valid_from=DAY)
    own = Granting(one, EMPTY, EMPTY, str(one.id))
    when(grant.grant, own, asked, HERE).refused(GrantedToOneself)
    giver = given(registered("g"), "clerk")
    state, lent = lending(giver, one)
    when(grant.delegate, state._replace(by=str(one.id)), lent, HERE).refused(GrantedToOneself)


def test_a_pair_binds_on_every_day_that_both_would_hold() -> None:
    """Not on the first day alone: a row of tomorrow is no way around."""
    pair = references.over(
        [
            ReferenceSet(
                set="incompatible_duties",
                area=COUNTY,
                origin="local",
                document=None,
                rows=(
                    ReferenceRow(
                        key="money",
                        valid_from=date(2026, 6, 1),
                        valid_until=date(2026, 6, 30),
                        values={"duties": ("clerk", "finance")},
                    ),
                ),
            )
        ]
    )
    held = given(registered(), "clerk")
    for since, until, meets in (
        (DAY, None, True),
        (DAY, date(2026, 5, 31), False),
        (date(2026, 6, 30), None, True),
        (date(2026, 7, 1), None, False),
    ):
        asked = command(GrantRole, role="finance", area=None, valid_from=since, valid_until=until)
        outcome = when(grant.grant, Granting(held, EMPTY, pair), asked, Facts(path=()))
        assert (outcome.refusal is not None) == meets, since


def test_work_goes_to_somebody_else_who_is_there() -> None:
    one, other = disabled(registered()), registered("s2")
    asked = command(HandOverWork, to=other.id)
    told = when(user.hand_over, Pair(one, other), asked).accepted()
    assert after(one, told).successor == other.id
    when(user.hand_over, Pair(one, User()), asked).refused(UnknownUser)
    when(user.hand_over, Pair(other, other), asked).refused(HandedOverToOneself)
    when(user.hand_over, Pair(other, one), asked).refused(UserIsDisabled)
    when(user.disable, one, command(DisableUser, reason="x")).refused(UserAlreadyDisabled)


def test_days_that_run_backwards_are_malformed() -> None:
    with pytest.raises(ValidationError):
        command(GrantRole, role="clerk", area=None, valid_from=DAY, valid_until=date(2026, 2, 1))
