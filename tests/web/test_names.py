from __future__ import annotations

import unicodedata
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tumorlens.web.names import MAX_NAME, clean_name, content_disposition, decode_name, for_table


@given(st.text())
def test_any_text_becomes_a_harmless_name(raw: str) -> None:
    name = clean_name(raw)
    assert 0 < len(name) <= MAX_NAME
    assert "/" not in name
    assert "\\" not in name
    assert name.strip(".") and name == name.strip()
    assert not any(unicodedata.category(one).startswith("C") for one in name)


@given(st.text())
def test_cleaning_twice_changes_nothing(raw: str) -> None:
    assert clean_name(clean_name(raw)) == clean_name(raw)


@given(st.binary())
def test_any_bytes_decode(raw: bytes) -> None:
    assert isinstance(clean_name(decode_name(raw)), str)


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        ("../../etc/passwd", "passwd"),
        (r"C:\scans\kopf.dcm", "kopf.dcm"),
        ("a\r\nSet-Cookie: x=1.png", "aSet-Cookie: x=1.png"),
        ("a\u202egnp.exe", "agnp.exe"),
        ("Kopf von Jürgen.png", "Kopf von Jürgen.png"),
        ("..", "scan"),
        ("", "scan"),
        ("x" * 300 + ".png", "x" * 116 + ".png"),
    ],
)
def test_known_names(raw: str, name: str) -> None:
    assert clean_name(raw) == name


@given(st.text())
def test_a_disposition_is_one_ascii_line_that_gives_the_name_back(raw: str) -> None:
    header = content_disposition(raw)
    assert header.isascii()
    assert "\r" not in header and "\n" not in header
    assert header.count('"') == 2
    assert unquote(header.rpartition("''")[2]) == clean_name(raw)


def test_a_formula_is_no_formula_in_a_table() -> None:
    assert for_table("=HYPERLINK(1)") == "'=HYPERLINK(1)"
    assert for_table("scan.png") == "scan.png"
