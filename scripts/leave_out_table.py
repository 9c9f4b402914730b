"""Write the table of docs/leave-one-out.csv into docs/honest-evaluation.md, between its two marks.

python scripts/leave_out_table.py
"""

from __future__ import annotations

import csv
from pathlib import Path

DOCS = Path(__file__).parents[1] / "docs"
TABLE, PAGE = DOCS / "leave-one-out.csv", DOCS / "honest-evaluation.md"
BEGIN, END = "<!-- leave-one-out: begin -->", "<!-- leave-one-out: end -->"
COLUMNS = {
    "sensitivity": "sensitivity",
    "specificity": "specificity",
    "auroc": "AUROC",
    "sensitivity_at": "sensitivity at specificity 0.93",
    "ece": "ECE",
    "wrong_silent": "wrong and silent",
}


def rows() -> list[dict[str, str]]:
    """Rows of the table."""
    with TABLE.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def markdown(table: list[dict[str, str]]) -> str:
    """The table as Markdown."""
    heads = ["left out", "look", "with / without", *COLUMNS.values()]
    lines = [heads, ["---"] * len(heads)]
    for row in table:
        counts = f"{row['with_tumor']} / {row['without_tumor']}"
        lines.append([row["left_out"], row["look"], counts, *(_figure(row, name) for name in COLUMNS)])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def page(text: str, table: list[dict[str, str]]) -> str:
    """The page with the table between its marks."""
    head, rest = text.split(BEGIN)
    _, tail = rest.split(END)
    return f"{head}{BEGIN}\n{markdown(table)}\n{END}{tail}"


def _figure(row: dict[str, str], name: str) -> str:
    if not row[name]:
        return "–"
    value, low, high = (float(row[f"{name}{end}"]) for end in ("", "_low", "_high"))
    return f"{value:.2f} [{low:.2f}, {high:.2f}]"


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8"), rows()), encoding="utf-8")
