from __future__ import annotations

import pytest

from tumorlens.errors import UsageError
from tumorlens.web.settings import Settings, is_loopback

SECRET = "a-long-enough-secret"


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "::1", "[::1]", "localhost", "LOCALHOST"])
def test_this_machine_needs_no_token(host: str) -> None:
    assert is_loopback(host)
    Settings(host=host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "scans.example.org", "", "127.0.0.1.example.org"])
def test_a_public_address_needs_a_long_token(host: str) -> None:
    with pytest.raises(UsageError, match="--token"):
        Settings(host=host)
    with pytest.raises(UsageError, match="at least 16"):
        Settings(host=host, token="short")
    Settings(host=host, token=SECRET)


@pytest.mark.parametrize("token", ["", "  ", "a\nb", "größer"])
def test_odd_tokens_are_refused(token: str) -> None:
    with pytest.raises(UsageError, match="token"):
        Settings(token=token)


@pytest.mark.parametrize("name", ["jobs", "queue", "max_files", "max_file_bytes", "time_limit_s"])
def test_bounds_must_be_above_zero(name: str) -> None:
    with pytest.raises(UsageError, match=r"must (both )?be (at least 1|above 0)"):
        Settings(**{name: 0})


def test_host_names() -> None:
    names = Settings(host="0.0.0.0", token=SECRET, allowed_hosts=("Scans.Example.org.", "fe80::1")).host_names
    assert names == {"localhost", "127.0.0.1", "[::1]", "0.0.0.0", "scans.example.org", "[fe80::1]"}


def test_the_token_is_not_shown() -> None:
    assert SECRET not in repr(Settings(token=SECRET))
