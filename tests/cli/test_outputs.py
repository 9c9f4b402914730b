from __future__ import annotations

from pathlib import Path

import pytest

from tumorlens.cli.outputs import Names, Outputs, make_folder
from tumorlens.errors import OutputError
from tumorlens.io import Found
from tumorlens.writers import WRITERS


def test_outputs_keep_the_subfolder_and_the_suffix() -> None:
    outputs = Names(False, Path("out")).outputs(Found(Path("in/a/b.nii.gz"), "a/b.nii.gz"))
    assert isinstance(outputs, Outputs)
    assert outputs.json == Path("out/a/b.nii.gz.json")
    assert [outputs.of(one) for one in WRITERS][:3] == [
        Path(f"out/a/b.nii.gz{ending}") for ending in (".overlay.png", ".mask.png", ".mask.nii.gz")
    ]


def test_without_a_folder_there_are_no_outputs() -> None:
    assert Names(False, None).outputs(Found(Path("a.png"), "a.png")) is None


@pytest.mark.parametrize(
    ("name", "suffix"),
    [("a/b.png", ".png"), ("b.NII.GZ", ".nii.gz"), ("scan.Smith", ""), ("Smith", ""), ("x.dcm.Smith", "")],
)
def test_a_digest_keeps_no_suffix_but_that_of_a_scan(name: str, suffix: str) -> None:
    digest = Names(True, None).name(Found(Path(name), name))
    assert digest[16:] == suffix
    assert int(digest[:16], 16) >= 0


def test_digests_follow_the_name_and_not_the_place() -> None:
    names = Names(True, None)
    here, there = Found(Path("x/a.png"), "a.png"), Found(Path("/y/a.png"), "a.png")
    assert names.name(here) == names.path(there)
    assert names.name(here) != names.name(Found(Path("x/b.png"), "b.png"))


def test_sentences_lose_their_paths_only_where_asked() -> None:
    found = Found(Path("Doe/o.png"), "o.png")
    sentence = "'o/x.json' exists, and 'Doe/o.png' does not."
    assert Names(False, Path("o")).redacted(sentence, found) == sentence
    hidden = Names(True, Path("o")).redacted(sentence, found)
    assert hidden == f"'OUT/x.json' exists, and '{Names(True, None).name(found)}' does not."


def test_a_folder_under_a_file_cannot_be_made(tmp_path: Path) -> None:
    make_folder(tmp_path / "a/b")
    make_folder(tmp_path / "a/b")
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file", tmp_path / "file/below"):
        with pytest.raises(OutputError, match="a file of that name is in the way"):
            make_folder(path)


def test_a_folder_where_none_may_be_made_is_one_sentence() -> None:
    if not Path("/proc").is_dir():
        return
    with pytest.raises(OutputError, match="cannot be made"):
        make_folder(Path("/proc/tumorlens"))
