"""Every fact a service tells the world, one module a service, with versions and upcasters.

A field is added as optional, or the event gets a new version and an upcaster; nothing is ever
removed or narrowed. Every fact of a service names its `area`: the one it was decided in, by
which feeds are filtered and scopes held. A stored sample of every (type, version) ever shipped is
decoded in the tests.
"""

from ..codec import Contracts
from . import (
    allocations,
    assets,
    batches,
    directory,
    funds,
    households,
    log,
    persons,
    registers,
    reporting,
)

BY_SERVICE: dict[str, Contracts] = {
    "funds": (log.CONTRACTS | funds.CONTRACTS | batches.CONTRACTS | allocations.CONTRACTS),
    "households": (
        log.CONTRACTS
        | households.CONTRACTS
        | directory.CONTRACTS
        | persons.CONTRACTS
        | registers.CONTRACTS
    ),
    "assets": log.CONTRACTS | assets.CONTRACTS,
    "reporting": log.CONTRACTS | reporting.CONTRACTS,
}
"""What the log of each service may hold: the log's own facts and the service's."""
