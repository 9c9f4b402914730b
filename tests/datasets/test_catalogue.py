from pathlib import Path

import pytest

from tumorlens.datasets.catalogue import CATALOGUE, load_collection
from tumorlens.errors import DatasetError


@pytest.mark.parametrize("entry", CATALOGUE.values(), ids=lambda one: one.name)
def test_every_entry_says_what_it_is_and_whom_to_cite(entry) -> None:  # type: ignore[no-untyped-def]
    assert CATALOGUE[entry.name] is entry
    assert entry.url.startswith("https://")
    assert "doi:" in entry.citation
    assert entry.licence and entry.title and entry.folder


@pytest.mark.parametrize("inner", ["", "nickparvar-224"])
def test_root_is_the_collection_or_holds_it(tmp_path: Path, inner: str) -> None:
    folder = tmp_path / inner / "Training" / "glioma"
    folder.mkdir(parents=True)
    (folder / "1.png").write_bytes(b"")
    made = load_collection("nickparvar", tmp_path)
    assert made.name == "nickparvar"
    assert [one.id for one in made] == ["Training/glioma/1.png"]


def test_unknown_collection_lists_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="'brats' is not known; known are nickparvar, sartaj, figshare"):
        load_collection("brats", tmp_path)
