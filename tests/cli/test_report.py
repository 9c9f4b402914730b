from __future__ import annotations

import pytest

from tumorlens.cli.report import print_table
from tumorlens.cli.summary import Value, summary_row


def _row(path: str, area_mm2: float | None) -> dict[str, Value]:
    said = {"label": "glioma", "answer": "glioma", "confidence": 0.5}
    return summary_row(path, "ok") | said | {"area_px": 30, "area_mm2": area_mm2}


@pytest.mark.parametrize(("area_mm2", "shown", "other"), [(None, "area px", "mm²"), (7.25, "area mm²", "px")])
def test_the_table_names_its_unit(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    area_mm2: float | None,
    shown: str,
    other: str,
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    print_table([_row("a/x.png", area_mm2), _row("b/y.png", None)], None)
    out = capsys.readouterr().out
    assert shown in out
    assert other not in out
    assert "2 scans: 2 ok. Answers: 2 glioma." in out
    assert "Research use, not a medical device." in out
    assert "Scans in" not in out
