"""secrets: the passwords and keys of an installation in containers, a file for each that reads it.

A service holds its own password and that of the feed; the superuser's is with the server and with
`migrate` alone.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Sequence
from pathlib import Path

from libs.chassis.migrate import FEED, own_directory, passwords, write_private
from libs.chassis.postgres import SUPERUSER
from libs.chassis.service import Service
from libs.chassis.settings import Settings
from libs.chassis.stores import roles, roles_of
from libs.chassis.vault.keys import kept_keys, software_keys

KEY_SET = "key_set.json"
SERVICES_KEY = "services.key"
CONTAINERS = 10001
"""The user of the image, infra/Dockerfile."""


def configure(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    text = "make the passwords that docker-compose.yml reads; those that are there stay as they are"
    verb = verbs.add_parser("secrets", help=text, description=text)
    verb.add_argument("folder", type=Path, nargs="?", default=Path("secrets"))
    verb.set_defaults(run=run)


def run(arguments: argparse.Namespace, _: Settings, services: Sequence[Service]) -> int:
    """Files of mode 0600 that the containers' user owns: root's are given to the image's, anyone
    else's containers run as himself."""
    uid = os.geteuid() or CONTAINERS
    folder = own_directory(arguments.folder, None, 0o700)
    known = passwords(folder, SUPERUSER, *roles(services))
    texts = {"postgres": known[SUPERUSER]}
    for service in services:
        texts[f"{service.name}.json"] = json.dumps(
            {role: known[role] for role in (*roles_of(service), FEED)}
        )
    if not (folder / KEY_SET).exists():  # the composition names it, also where nobody reads it
        texts[KEY_SET] = json.dumps({"keys": []})
    for name, text in texts.items():
        write_private(folder / name, text)
    keys = [SERVICES_KEY, *(f"{service.name}.files.key" for service in services)]
    for name in keys:
        kept_keys(folder / name, may_make=True)
    for name in ("passwords.json", *texts, *keys):
        os.chown(folder / name, uid, -1)
    if any(service.vault for service in services):
        _make_vault(folder / "vault", uid)
    print(f"{folder}: {', '.join(sorted(('passwords.json', 'vault', *texts, *keys)))}")
    print(f"SUYUAN_UID={uid}")
    return 0


def _make_vault(folder: Path, uid: int) -> None:
    """The master key, in a folder that the containers own and write tombstones in."""
    if not folder.exists():
        software_keys(folder, may_make=True)
        for file in (*folder.iterdir(), folder):
            os.chown(file, uid, -1)
