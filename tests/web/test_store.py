from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tumorlens.errors import OutputError
from tumorlens.web.findings import Correction, Pictures
from tumorlens.web.store import APPLICATION_ID, MIGRATIONS, Store

RNG = np.random.default_rng(0)
SHOWN = Pictures(
    RNG.integers(0, 65_536, (20, 30), dtype=np.uint16),
    -1.5,
    2048.25,
    RNG.integers(0, 256, (20, 30), dtype=np.uint8),
    np.diag([1.0, 2.0, 3.0, 1.0]),
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / "a.sqlite")
    yield made
    made.close()


def add(store: Store, id_: str, name: str = "a.png", created: str = "2026-01-01", label: str = "glioma") -> None:
    store.add(id_, name, created, label, '{"document": 1}', SHOWN)


def test_what_was_kept_comes_back_the_same(store: Store) -> None:
    add(store, "one")
    entry = store.get("one")
    assert entry is not None and entry.load is not None
    found = entry.load()
    assert np.array_equal(found.pixels, SHOWN.pixels)
    assert found.activation is not None and SHOWN.activation is not None
    assert np.array_equal(found.activation, SHOWN.activation)
    assert found.affine is not None and SHOWN.affine is not None
    assert np.array_equal(found.affine, SHOWN.affine)
    assert (found.low, found.high, entry.document_json, entry.stored) == (-1.5, 2048.25, '{"document": 1}', True)
    assert store.get("two") is None


def test_pictures_may_lack_map_and_affine(store: Store) -> None:
    store.add("x", "n", "c", "no_tumor", "{}", Pictures(SHOWN.pixels, 0.0, 1.0, None, None))
    entry = store.get("x")
    assert entry is not None and entry.load is not None
    assert entry.load().activation is None
    assert entry.load().affine is None


def test_it_is_still_there_after_reopening_and_private(store: Store) -> None:
    add(store, "one")
    store.set_note("one", "a note")
    again = Store(store.path)
    entry = again.get("one")
    assert entry is not None
    assert entry.note == "a note"
    assert store.path.stat().st_mode & 0o077 == 0
    again.close()


def test_searching_looks_at_name_note_and_label_and_takes_wildcards_as_they_are(store: Store) -> None:
    add(store, "1", "Anna_1.png", "2026-01-01")
    add(store, "2", "berta.png", "2026-01-02", "meningioma")
    add(store, "3", "carla 100%.png", "2026-01-03")
    store.set_note("2", "see Anna")
    names = lambda text: [entry.id for entry in store.search(text, 10, 0)[0]]  # noqa: E731
    assert names("") == ["3", "2", "1"]
    assert names("anna") == ["2", "1"]
    assert names("MENING") == ["2"]
    assert names("100%") == ["3"]
    assert names("_") == ["1"]
    assert store.search("", 1, 1)[1] == 3
    assert [entry.id for entry in store.search("", 1, 1)[0]] == ["2"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(text=st.text())
def test_any_text_can_be_searched_for_and_noted(store: Store, text: str) -> None:
    cleaned = text.encode("utf-8", "replace").decode()
    if store.get("x") is None:
        add(store, "x")
    store.set_note("x", cleaned)
    assert store.search(cleaned.replace("\0", ""), 5, 0)[1] in (0, 1)
    assert store.get("x").note == cleaned  # type: ignore[union-attr]


def test_deleting_removes_the_pictures_and_their_bytes(store: Store) -> None:
    store.add("x", "SECRETNAME", "c", "glioma", "{}", SHOWN)
    assert store.delete("x")
    assert not store.delete("x")
    database = sqlite3.connect(store.path)
    assert database.execute("SELECT COUNT(*) FROM pictures").fetchone() == (0,)
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()
    assert b"SECRETNAME" not in store.path.read_bytes()


def test_a_correction_is_set_removed_and_undone_by_an_error(store: Store) -> None:
    add(store, "x")
    made = Correction([], {"encoding": "rle-row-major", "shape": [1, 1], "counts": [1]}, [{"at": "now"}])
    assert store.correct("x", lambda _: made).correction == made  # type: ignore[union-attr]

    def fail(_: object) -> None:
        raise ValueError("in the middle")

    with pytest.raises(ValueError, match="middle"):
        store.correct("x", fail)  # type: ignore[arg-type]
    assert store.get("x").correction == made  # type: ignore[union-attr]
    assert store.correct("x", lambda _: None).correction is None  # type: ignore[union-attr]
    assert store.correct("y", lambda _: made) is None
    assert store.is_writable()


def test_foreign_newer_and_broken_files_are_refused(tmp_path: Path) -> None:
    foreign = sqlite3.connect(tmp_path / "foreign")
    foreign.execute("CREATE TABLE x (y)")
    foreign.commit()
    foreign.close()
    with pytest.raises(OutputError, match="another program"):
        Store(tmp_path / "foreign")
    newer = sqlite3.connect(tmp_path / "newer")
    newer.execute("CREATE TABLE x (y)")
    newer.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    newer.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    newer.commit()
    newer.close()
    with pytest.raises(OutputError, match="upgrade tumorlens"):
        Store(tmp_path / "newer")
    (tmp_path / "text").write_text("no database " * 100)
    with pytest.raises(OutputError, match="cannot be used"):
        Store(tmp_path / "text")
    with pytest.raises(OutputError, match="cannot be used"):
        Store(tmp_path / "no" / "folder")
