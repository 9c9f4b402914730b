import importlib.util
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "leave_out_table.py"
spec = importlib.util.spec_from_file_location("leave_out_table", SCRIPT)
assert spec is not None and spec.loader is not None
made = importlib.util.module_from_spec(spec)
spec.loader.exec_module(made)


def test_the_page_holds_what_the_table_says() -> None:
    text = made.PAGE.read_text(encoding="utf-8")
    assert made.page(text, made.rows()) == text


def test_an_undefined_figure_is_a_dash() -> None:
    (row, *_) = made.rows()
    assert "| – |" in made.markdown([{**row, "sensitivity": ""}])


def test_a_page_without_marks_is_not_guessed_at() -> None:
    with pytest.raises(ValueError):
        made.page("no marks", made.rows())
