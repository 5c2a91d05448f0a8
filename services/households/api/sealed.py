"""From what was typed to a command of sealed texts and opaque ids: the vault's part of a route.

Everything the vault writes here is on disk before the command is executed; if it then is refused,
or the process dies, there are keys and maps of nobody, which a search passes over.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from uuid import UUID

from libs.chassis.call import Call
from libs.chassis.vault.spelling import Kind, number
from libs.chassis.vault.store import Home
from libs.chassis.vault.vault import Line, Vault, random_id
from libs.events.clock import today
from libs.events.contracts.persons import PersonField
from libs.events.decider import Streams
from services.households.domain import checksum
from services.households.domain.household import registry
from services.households.domain.person import (
    AccountRow,
    ChangeAccount,
    Held,
    PersonRow,
    RegisterPersons,
    Warned,
    persons,
)
from services.households.domain.person_correction import CorrectPerson, PersonChanges
from services.households.domain.tree import Area

from .typed import EnterAccount, EnterCorrection, EnteredPerson, EnterPersons

Entered = list[tuple[UUID, EnteredPerson]]
Texts = Mapping[tuple[UUID, str], str]


async def sealed_persons(
    vault: Vault,
    streams: Streams,
    typed: EnterPersons,
    areas: Mapping[UUID, Area],
    unnumbered: Sequence[UUID | None] = (),
) -> RegisterPersons:
    """Only what is new is sealed and mapped: a known person keeps what was told first.
    `unnumbered`: ids of the rows without an ID number, where the caller has them."""
    ids = await _ids(vault, typed, unnumbered)
    ids = [
        one.became or id_
        for id_, one in zip(ids, await streams.load_many(persons, ids), strict=True)
    ]
    known = await streams.load_many(persons, ids)
    rows = list(zip(ids, typed.persons, strict=True))
    new = [row for row, was in zip(rows, known, strict=True) if was.area is None]
    homes = {id_: Home(registry(row.area, areas), today().year) for id_, row in new}
    lines = [line for id_, row in new for line in _lines(id_, row)]
    texts = await vault.seal(lines, homes)
    sealed = {(line.subject, line.field): text for line, text in zip(lines, texts, strict=True)}
    accounts = await _map(vault, new)
    return RegisterPersons(
        occurred_on=typed.occurred_on,
        area=typed.area,
        persons=tuple(_row(id_, row, sealed, accounts) for id_, row in rows),
        warnings=tuple(_warnings(typed)),
    )


async def _ids(vault: Vault, typed: EnterPersons, unnumbered: Sequence[UUID | None]) -> list[UUID]:
    """Of the ID number; of a person without one that which is given, or a new one each time."""
    with_number = [row for row in typed.persons if row.id_number is not None]
    numbers = [row.id_number for row in with_number if row.id_number is not None]
    found = iter(await vault.identify(Kind.IDENTITY, numbers, typed.area))
    given = unnumbered or [None] * len(typed.persons)
    return [
        (other or random_id(typed.area)) if row.id_number is None else next(found)
        for row, other in zip(typed.persons, given, strict=True)
    ]


def _lines(id_: UUID, row: EnteredPerson) -> Iterator[Line]:
    account = None if row.account is None else row.account.number
    told = (("name", row.name), ("id_number", row.id_number), ("phone", row.phone))
    for field, text in (*told, ("account", account)):
        if text is not None:
            yield Line(id_, field, text)


async def _map(vault: Vault, new: Entered) -> dict[UUID, UUID]:
    """Whose number each is, who is called what; the account id of each person who has one."""
    await vault.index((row.area, row.name, id_) for id_, row in new)
    identities = [(row.id_number, id_) for id_, row in new if row.id_number is not None]
    await vault.hold(Kind.IDENTITY, identities)
    await vault.hold(Kind.PHONE, [(row.phone, id_) for id_, row in new if row.phone is not None])
    paid = [(row.account.number, id_) for id_, row in new if row.account is not None]
    accounts = await vault.identify(Kind.ACCOUNT, [text for text, _ in paid])
    await vault.hold(Kind.ACCOUNT, paid)
    return {id_: account for (_, id_), account in zip(paid, accounts, strict=True)}


def _row(id_: UUID, row: EnteredPerson, sealed: Texts, accounts: Mapping[UUID, UUID]) -> PersonRow:
    account = None
    if row.account is not None and id_ in accounts:
        text = sealed[id_, "account"]
        account = AccountRow(account=accounts[id_], number=text, bank=row.account.bank)
    return PersonRow(
        person=id_,
        area=row.area,
        name=sealed.get((id_, "name")),
        id_number=sealed.get((id_, "id_number")),
        phone=sealed.get((id_, "phone")),
        account=account,
        synthetic=row.synthetic,
    )


async def sealed_account(call: Call, typed: EnterAccount, held: Held) -> ChangeAccount:
    """Under the key that the person has already. Raises: KeyGoneError."""
    vault = call.vault
    (text,) = await vault.seal([Line(held.id, "account", typed.number)], {})
    (account,) = await vault.identify(Kind.ACCOUNT, [typed.number])
    await vault.hold(Kind.ACCOUNT, [(typed.number, held.id)])
    return ChangeAccount(
        occurred_on=typed.occurred_on,
        account=account,
        number=text,
        bank=typed.bank,
        warnings=tuple(_of_account(1, typed.number)),
    )


async def sealed_correction(
    vault: Vault, typed: EnterCorrection, held: Held
) -> CorrectPerson | None:
    """What differs from what is told now, sealed under the person's own key, and who is found by it
    from now on: so once it is known to pass, and before that over a vault that keeps nothing. None
    where nothing differs. Raises: KeyGoneError, NotCorrectable."""
    typed.changes.refuse_barred()
    told = await _told(vault, held, typed.changes.says())
    if not told:
        return None
    texts = [Line(held.id, name, text) for name, text in told.items() if text is not None]
    sealed = dict(zip([line.field for line in texts], await vault.seal(texts, {}), strict=True))
    if told.get("name") is not None and held.person.area is not None:
        await vault.index([(held.person.area, told["name"] or "", held.id)])
    if (phone := told.get("phone")) is not None:
        await vault.hold(Kind.PHONE, [(phone, held.id)])
    its_id = None
    if (typed_number := told.get("id_number")) is not None:
        (its_id,) = await vault.identify(Kind.IDENTITY, [typed_number], held.person.area)
    changes = PersonChanges.model_validate({name: sealed.get(name) for name in told})
    return CorrectPerson(
        occurred_on=typed.occurred_on,
        reason=typed.reason,
        document=typed.document,
        evidence=typed.evidence,
        changes=changes,
        number=its_id,
        warnings=() if typed_number is None else tuple(_of_number(1, typed_number)),
    )


async def _told(
    vault: Vault, held: Held, wanted: Mapping[str, str | None]
) -> dict[str, str | None]:
    """Those that say another thing than now."""
    known = {name: getattr(held.person, name) for name in wanted}
    lines = [Line(held.id, name, text) for name, text in known.items() if text is not None]
    opened = zip([line.field for line in lines], await vault.open(lines), strict=True)
    says: dict[str, str | None] = {**dict.fromkeys(wanted), **dict(opened)}
    return {name: text for name, text in wanted.items() if text != says[name]}


def _warnings(typed: EnterPersons) -> Iterator[Warned]:
    for row, entered in enumerate(typed.persons, 1):
        if entered.id_number is not None:
            yield from _of_number(row, entered.id_number)
        if entered.account is not None:
            yield from _of_account(row, entered.account.number)


def _of_number(row: int, text: str) -> Iterator[Warned]:
    yield from _warned(row, "id_number", checksum.of_id_number(number(Kind.IDENTITY, text)))


def _of_account(row: int, text: str) -> Iterator[Warned]:
    yield from _warned(row, "account", checksum.of_account(number(Kind.ACCOUNT, text)))


def _warned(row: int, field: PersonField, wrong: str | None) -> Iterator[Warned]:
    if wrong is not None:
        yield Warned(row=row, field=field, message=wrong)
