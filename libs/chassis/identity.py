"""Whose tokens are believed: a configured issuer's, or those of this machine's built-in one."""

from __future__ import annotations

import json

from .auth import LocalIssuer, OwnTokens
from .issuer import IssuerTokens, discovered, kept_in
from .keys import read_key_set
from .settings import SettingError, Settings

Identity = OwnTokens | IssuerTokens
"""The issuer of tokens for people, and its public keys."""
FILE_PERIOD_S = 30.0


def identity(settings: Settings) -> Identity:
    """The one issuer. The built-in one refuses to be used beside a configured one.

    Raises: SettingError for a file that cannot be read, or holds no key set.
    """
    if settings.issuer is None:
        local = local_issuer(settings)
        return OwnTokens(local.key_set, local.url)
    asked = "SUYUAN_AUTHORITIES" if settings.key_set is None else "SUYUAN_KEY_SET"
    try:
        if settings.key_set is None:
            return IssuerTokens(settings.issuer, discovered(settings.issuer, settings.authorities))
        if not read_key_set(json.loads(settings.key_set.read_bytes())):
            raise ValueError("it holds no public key that could check a token")
    except (OSError, ValueError) as error:
        raise SettingError(f"{asked}: {type(error).__name__}: {error}") from None
    return IssuerTokens(settings.issuer, kept_in(settings.key_set), period_s=FILE_PERIOD_S)


def local_issuer(settings: Settings) -> LocalIssuer:
    """Raises: SettingError when an issuer is configured, or when others could reach this one."""
    if settings.issuer is not None:
        raise SettingError("SUYUAN_ISSUER is set: tokens come from there, not from this machine")
    if settings.host not in ("127.0.0.1", "localhost", "::1"):
        raise SettingError(f"the built-in issuer serves this machine only, not {settings.host}")
    return LocalIssuer(settings.home / "issuer.pem", f"{settings.origin}/issuer")
