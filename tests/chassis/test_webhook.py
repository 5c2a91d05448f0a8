"""What a webhook is on the wire: whom it may be sent to, and how it is signed."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from libs.chassis.settings import SettingError
from libs.chassis.webhook import is_listed, read_listed, signature, spelled

LISTED = ("https://receiver.example/hooks", "http://127.0.0.1:9000/")


@pytest.mark.parametrize(
    "url",
    [
        "https://receiver.example/hooks",
        "https://receiver.example/hooks/",
        "https://RECEIVER.example:443/hooks/suyuan",
        "http://127.0.0.1:9000",
        "http://127.0.0.1:9000/any/where",
    ],
)
def test_an_address_on_the_list_or_below_it_may_be_reached(url: str) -> None:
    assert is_listed(url, LISTED)


@pytest.mark.parametrize(
    "url",
    [
        "http://receiver.example/hooks",
        "https://receiver.example/hooksandmore",
        "https://receiver.example/other",
        "https://receiver.example:444/hooks",
        "https://receiver.example.evil.example/hooks",
        "https://receiver.example@evil.example/hooks",
        "https://evil.example/hooks?https://receiver.example/hooks",
        "https://receiver.example/hooks/../admin",
        "https://receiver.example/hooks/%2e%2e/admin",
        "https://receiver.example/hooks?token=1",
        "https://receiver.example/hooks#part",
        "https://receiver.example\\@evil.example/hooks",
        "http://127.0.0.1:9001/",
        "http://127.0.0.1/",
        "http://127.1:9000/",
        "http://2130706433:9000/",
        "http://[::1]:9000/",
        "http://127.0.0.1:99999/",
        "file:///etc/passwd",
        "",
    ],
)
def test_no_other_address_may_be_reached(url: str) -> None:
    assert not is_listed(url, LISTED)


def test_without_a_list_nobody_may_be_reached() -> None:
    assert read_listed(None) == ()
    assert not is_listed("https://receiver.example/hooks", ())


def test_the_list_is_a_file_with_remarks(tmp_path: Path) -> None:
    file = tmp_path / "webhooks"
    file.write_text("# 省平台\nhttps://receiver.example/hooks  # 正式\n\nhttp://127.0.0.1:9000/\n")
    assert read_listed(file) == LISTED
    file.write_text("receiver.example\n")
    with pytest.raises(SettingError, match="no address"):
        read_listed(file)
    with pytest.raises(SettingError, match="gone"):
        read_listed(tmp_path / "gone")


def test_a_signature_is_that_of_standard_webhooks() -> None:
    """The vector that the specification's own libraries are tested with."""
    text = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    secret = base64.b64decode(text)
    assert spelled(secret) == f"whsec_{text}"
    signed = signature(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
