from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np

import tumorlens
from tumorlens.io.formats import FORMATS

DOCS = Path(__file__).parents[2] / "docs" / "formats.md"
_TRY = """
import sys
from tumorlens.io import discover, read_scan
scan = read_scan(sys.argv[1])
print(scan.source.format, scan.shape, [one.name for one in discover([sys.argv[2]])])
"""


def test_names_and_suffixes_are_each_of_one_format() -> None:
    names = [one.name for one in FORMATS]
    suffixes = [suffix for one in FORMATS for suffix in one.suffixes]
    assert len(set(names)) == len(names)
    assert len(set(suffixes)) == len(suffixes)
    assert all(suffix == suffix.lower() and suffix.startswith(".") for suffix in suffixes)


def test_the_docs_add_a_format_in_under_15_lines(tmp_path: Path) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", DOCS.read_text(), re.DOTALL)
    assert len([line for line in code.splitlines() if line.strip()]) < 15
    package = tmp_path / "tumorlens"
    shutil.copytree(Path(tumorlens.__file__).parent, package, ignore=shutil.ignore_patterns("weights", "__pycache__"))
    (package / "io" / "formats" / "square.py").write_text(code)
    (tmp_path / "scans").mkdir()
    path = tmp_path / "scans" / "a.sqr"
    path.write_bytes(b"SQR1" + np.arange(400, dtype="<u2").tobytes())
    call = [sys.executable, "-c", _TRY, str(path), str(path.parent)]
    done = subprocess.run(
        call, capture_output=True, text=True, check=False, env=os.environ | {"PYTHONPATH": str(tmp_path)}
    )
    assert done.stdout.strip() == "square (1, 20, 20) ['a.sqr']", done.stderr
