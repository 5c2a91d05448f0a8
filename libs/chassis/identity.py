"""Whose tokens are believed: a configured issuer's, or those of this machine's built-in one."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from .auth import LocalIssuer
from .settings import SettingError, Settings


@dataclass(frozen=True)
class Identity:
    """The issuer and its public keys."""

    issuer: str
    key_set: dict[str, Any]


def identity(settings: Settings) -> Identity:
    """The one issuer. The built-in one refuses to be used beside a configured one."""
    if settings.issuer is not None and settings.key_set is not None:
        return Identity(settings.issuer, json.loads(settings.key_set.read_text()))
    local = local_issuer(settings)
    return Identity(local.url, local.key_set)


def local_issuer(settings: Settings) -> LocalIssuer:
    """Raises: SettingError when an issuer is configured, or when others could reach this one."""
    if settings.issuer is not None:
        raise SettingError("SUYUAN_ISSUER is set: tokens come from there, not from this machine")
    if settings.host not in ("127.0.0.1", "localhost", "::1"):
        raise SettingError(f"the built-in issuer serves this machine only, not {settings.host}")
    return LocalIssuer(settings.home / "issuer.pem", f"{settings.origin}/issuer")
