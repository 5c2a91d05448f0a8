"""Settings: the environment, read once by the command line and passed down as a frozen value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .postgres import default_home


class SettingError(ValueError):
    """A variable says something that cannot be; the message names it."""


@dataclass(frozen=True)
class Settings:
    """What an operator may choose. Secrets are never here: they lie in 0600 files of the home."""

    home: Path
    host: str = "127.0.0.1"
    port: int = 8800
    log_level: str = "info"
    issuer: str | None = None
    key_set: Path | None = None
    kafka: str | None = None
    otlp: str | None = None
    webhooks: Path | None = None
    banner: str | None = None

    @property
    def origin(self) -> str:
        return f"http://{self.host}:{self.port}"

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
        if strange := known.keys() - VARIABLES.keys():
            names = ", ".join(f"SUYUAN_{name.upper()}" for name in sorted(strange))
            raise SettingError(f"unknown setting: {names}")
        if ("issuer" in known) != ("key_set" in known):
            raise SettingError("SUYUAN_ISSUER and SUYUAN_KEY_SET belong together")
        return cls(
            home=Path(known.get("home", default_home())),
            host=known.get("host", cls.host),
            port=_port(known.get("port", str(cls.port))),
            log_level=known.get("log_level", cls.log_level),
            issuer=known.get("issuer"),
            key_set=Path(known["key_set"]) if "key_set" in known else None,
            kafka=known.get("kafka"),
            otlp=known.get("otlp"),
            webhooks=Path(known["webhooks"]) if "webhooks" in known else None,
            banner=known.get("banner"),
        )


VARIABLES = {
    "home": "where data, keys and logs of this installation lie",
    "host": "address that the one origin listens on",
    "port": "its port",
    "log_level": "debug, info, warning or error",
    "issuer": "issuer of bearer tokens; without it the built-in one, for this machine only",
    "banner": "what the page says on top, e.g. that the data are a demonstration",
    "key_set": "file with that issuer's JSON Web Key Set",
    "kafka": "bootstrap servers of Kafka, host:port,…; without it services read each other's logs"
    " directly",
    "otlp": "endpoint of an OpenTelemetry collector (OTLP over HTTP); without it telemetry stays in"
    " the process",
    "webhooks": "file with the addresses that webhooks may be sent to, one a line: each admits"
    " itself and what lies below it; without it none",
}
"""Every variable, with or without which everything has a working default."""


def _port(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise SettingError(f"SUYUAN_PORT: {text!r} is no port")
    return int(text)
