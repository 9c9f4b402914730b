from __future__ import annotations

import pytest

from tumorlens.errors import UsageError
from tumorlens.io.request import DEFAULT_MEMORY
from tumorlens.web import Settings


def test_the_memory_of_a_scan_is_a_setting_above_nothing() -> None:
    assert Settings().scan_bytes == DEFAULT_MEMORY
    with pytest.raises(UsageError, match="scan_bytes is 0"):
        Settings(scan_bytes=0)
