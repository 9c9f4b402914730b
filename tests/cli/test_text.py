from __future__ import annotations

import io
import json
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tumorlens.cli.text import for_stdout, printable, well_formed


@given(st.binary())
def test_any_file_name_becomes_text_that_can_be_encoded(name: bytes) -> None:
    text = well_formed(name.decode("utf-8", "surrogateescape"))
    assert text.encode().decode() == text


@given(st.text())
def test_printable_text_is_one_line_without_controls(text: str) -> None:
    shown = printable(text.encode("utf-8", "replace").decode())
    assert "\n" not in shown
    assert "\x1b" not in shown
    assert shown.isprintable()


@pytest.mark.parametrize(("encoding", "ascii_only"), [("utf-8", False), ("cp1252", True), ("ascii", True)])
def test_json_survives_any_encoding_of_stdout(monkeypatch: pytest.MonkeyPatch, encoding: str, ascii_only: bool) -> None:
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding=encoding))
    document = json.dumps({"path": "Schädel 脳 😀"}, ensure_ascii=False)
    shown = for_stdout(document)
    assert json.loads(shown) == json.loads(document)
    assert shown.isascii() == ascii_only
