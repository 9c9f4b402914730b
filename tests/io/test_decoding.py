from __future__ import annotations

import pytest

from tumorlens.errors import LimitError, UnreadableFileError
from tumorlens.io.decoding import guarded


def _raise(error: Exception) -> None:
    raise error


def test_result_passes() -> None:
    assert guarded("a file", lambda: 3) == 3


def test_own_errors_pass_and_others_are_replaced() -> None:
    own = LimitError("Too large.")
    with pytest.raises(LimitError) as passed:
        guarded("a file", lambda: _raise(own))
    assert passed.value is own
    with pytest.raises(UnreadableFileError, match=r"begins like a file but .*KeyError") as replaced:
        guarded("a file", lambda: _raise(KeyError("Jane Doe")))
    assert "Jane" not in str(replaced.value)
    assert replaced.value.__context__ is None
    with pytest.raises(LimitError, match="more memory"):
        guarded("a file", lambda: _raise(MemoryError()))


def test_interrupts_pass() -> None:
    with pytest.raises(KeyboardInterrupt):
        guarded("a file", lambda: _raise(KeyboardInterrupt()))  # type: ignore[arg-type]
