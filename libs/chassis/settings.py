"""Settings: the environment, read once by the command line and passed down as a frozen value."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit


class SettingError(ValueError):
    """A variable says something that cannot be; the message names it."""


@dataclass(frozen=True)
class Settings:
    """What an operator may choose. Secrets are never here: they lie in 0600 files of the home."""

    home: Path
    database: str | None = None
    passwords: Path | None = None
    host: str = "127.0.0.1"
    port: int = 8800
    log_level: str = "info"
    issuer: str | None = None
    key_set: Path | None = None
    authorities: Path | None = None
    kafka: str | None = None
    otlp: str | None = None
    webhooks: Path | None = None
    pack_issuers: Path | None = None
    factor_key: Path | None = None
    banner: str | None = None
    vault: Path | None = None
    files: Path | None = None
    files_key: Path | None = None
    households: str | None = None
    services_key: Path | None = None

    @property
    def origin(self) -> str:
        return f"http://{self.host}:{self.port}"

    @property
    def households_address(self) -> str:
        """Where the other services ask households: the one origin, by this machine's own name where
        it listens on all of them."""
        own = "127.0.0.1" if self.host in ("0.0.0.0", "::") else self.host  # noqa: S104 - compared
        return self.households or f"http://{own}:{self.port}"

    @property
    def services_key_file(self) -> Path | None:
        """The key by which services of this installation know each other; beside a database
        elsewhere it is named, or none asks another."""
        if self.services_key is None and self.database is None:
            return self.home / "services.key"
        return self.services_key

    @property
    def logs(self) -> Path | None:
        """Where log files lie; None beside a database elsewhere: there stderr is kept by others."""
        return self.home / "logs" if self.database is None else None

    @property
    def factor_key_file(self) -> Path | None:
        """The key that wraps the secrets of second factors; beside a database elsewhere it is
        named, or there are none."""
        if self.factor_key is None and self.database is None:
            return self.home / "second_factor.key"
        return self.factor_key

    @property
    def vault_folder(self) -> Path:
        """Where the master key and the tombstones lie: never in a backup of the databases."""
        return self.vault or self.home / "vault"

    @property
    def files_folder(self) -> Path:
        """Where uploaded files lie, a folder a service."""
        return self.files or self.home / "files"

    @property
    def files_key_file(self) -> Path:
        """The key that wraps those of the files: never beside them in a backup."""
        return self.files_key or self.home / "files.key"

    def environment(self) -> dict[str, str]:
        """These settings as the variables of a child process."""
        known = {name: getattr(self, name) for name in VARIABLES}
        return {
            f"SUYUAN_{k.upper()}": str(value) for k, value in known.items() if value is not None
        }

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> Settings:
        """From SUYUAN_* variables. Raises: SettingError."""
        known = {
            key.removeprefix("SUYUAN_").lower(): value
            for key, value in environ.items()
            if key.startswith("SUYUAN_") and value
        }
        _require_known(known)
        _require_reachable(known)
        return cls(
            home=Path(known.get("home", default_home())),
            database=_address(known["database"]) if "database" in known else None,
            passwords=Path(known["passwords"]) if "passwords" in known else None,
            host=known.get("host", cls.host),
            port=_port("SUYUAN_PORT", known.get("port", str(cls.port))),
            log_level=known.get("log_level", cls.log_level),
            issuer=known.get("issuer"),
            key_set=Path(known["key_set"]) if "key_set" in known else None,
            authorities=Path(known["authorities"]) if "authorities" in known else None,
            kafka=known.get("kafka"),
            otlp=_http("SUYUAN_OTLP", known.get("otlp")),
            webhooks=Path(known["webhooks"]) if "webhooks" in known else None,
            pack_issuers=Path(known["pack_issuers"]) if "pack_issuers" in known else None,
            factor_key=Path(known["factor_key"]) if "factor_key" in known else None,
            banner=known.get("banner"),
            vault=Path(known["vault"]) if "vault" in known else None,
            files=Path(known["files"]) if "files" in known else None,
            files_key=Path(known["files_key"]) if "files_key" in known else None,
            households=_http("SUYUAN_HOUSEHOLDS", known.get("households")),
            services_key=Path(known["services_key"]) if "services_key" in known else None,
        )


VARIABLES = {
    "home": "where data, keys and logs of this installation lie",
    "database": "host:port of a PostgreSQL that is not embedded; `migrate` makes the stores there",
    "passwords": "file with the passwords of its roles that this process needs (see `secrets`)",
    "host": "address that the one origin listens on",
    "port": "its port",
    "log_level": "debug, info, warning or error",
    "issuer": "issuer of bearer tokens; without it the built-in one, for this machine only",
    "banner": "what the page says on top, e.g. that the data are a demonstration",
    "key_set": "file with that issuer's JSON Web Key Set; without it the issuer is asked where its"
    " keys lie (OpenID Connect Discovery)",
    "authorities": "file with the certificates (PEM) that vouch for that issuer's own, where they"
    " are not among the usual ones",
    "kafka": "bootstrap servers of Kafka, host:port,…; without it services read each other's logs"
    " directly",
    "otlp": "endpoint of an OpenTelemetry collector (OTLP over HTTP); without it telemetry stays in"
    " the process",
    "webhooks": "file with the addresses that webhooks may be sent to, one a line: each admits"
    " itself and what lies below it; without it none",
    "pack_issuers": "file with the public keys that may sign reference packs, a key set by issuer;"
    " without it no pack is taken",
    "factor_key": "file with the key that wraps the secrets of second factors, made when it is"
    " needed; in the home unless the database is elsewhere, where without it there are none",
    "vault": "folder of the vault's master key and of the tombstones of who was erased; without it"
    " `vault` in the home",
    "files": "folder of the files that were uploaded, sealed, one below it a service; without it"
    " `files` in the home",
    "files_key": "file with the key that wraps those of the files, made when it is needed; without"
    " it `files.key` in the home",
    "households": "address of households for the other services, which ask it who is meant;"
    " without it the one origin",
    "services_key": "file with the key by which services of this installation know each other, made"
    " when it is needed; in the home unless the database is elsewhere, where without it none asks",
}
"""Every variable, with or without which everything has a working default."""


def default_home() -> Path:
    return Path("/var/lib/suyuan") if os.geteuid() == 0 else Path.home() / ".local/state/suyuan"


def _require_known(known: Mapping[str, str]) -> None:
    if strange := known.keys() - VARIABLES.keys():
        names = ", ".join(f"SUYUAN_{name.upper()}" for name in sorted(strange))
        raise SettingError(f"unknown setting: {names}")
    if ("database" in known) != ("passwords" in known):
        raise SettingError("SUYUAN_DATABASE and SUYUAN_PASSWORDS belong together")


def _require_reachable(known: Mapping[str, str]) -> None:
    """Who is asked for keys is asked by https, unless it is on this machine."""
    issuer = known.get("issuer")
    if issuer is None and (strange := known.keys() & {"key_set", "authorities"}):
        raise SettingError(f"SUYUAN_{min(strange).upper()} belongs to SUYUAN_ISSUER")
    if issuer is not None and "key_set" not in known and not is_reachable_safely(issuer):
        raise SettingError(f"SUYUAN_ISSUER: {issuer!r} is no https:// address; name SUYUAN_KEY_SET")


def is_reachable_safely(url: str) -> bool:
    """https, or a part of this very machine."""
    split = urlsplit(url)
    here = split.hostname in ("127.0.0.1", "::1", "localhost")
    return bool(split.hostname) and (split.scheme == "https" or (split.scheme == "http" and here))


def _address(text: str) -> str:
    host, _, port = text.rpartition(":")
    if not host:
        raise SettingError(f"SUYUAN_DATABASE: {text!r} is no host:port")
    _port("SUYUAN_DATABASE", port)
    return text


def _port(name: str, text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise SettingError(f"{name}: {text!r} is no port")
    return int(text)


def _http(name: str, text: str | None) -> str | None:
    if text is not None and not text.startswith(("http://", "https://")):
        raise SettingError(f"{name}: {text!r} is no http:// or https:// address")
    return None if text is None else text.rstrip("/")
