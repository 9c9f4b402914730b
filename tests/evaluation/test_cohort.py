from pathlib import Path

import pytest
from answers import picture, save

from tumorlens.errors import DatasetError
from tumorlens.evaluation.cohort import load_cohort
from tumorlens.labels import TumorClass, UnknownTumor


def table(folder: Path, text: str) -> Path:
    for name in ("a.png", "b.png", "sub/c.png", "m.png"):
        save(folder / "scans" / name, picture(50))
    path = folder / "labels.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_paths_are_relative_to_the_data_or_to_the_table(tmp_path: Path) -> None:
    path = table(
        tmp_path, "\ufeffPath,Label,mask,group,age\na.png,glioma,m.png,p1,40\nscans/sub/c.png,No Tumor,,p2,50\n"
    )
    first, second = load_cohort(path, tmp_path / "scans")
    assert first.label is TumorClass.GLIOMA and first.mask == tmp_path / "scans/m.png" and first.group == "p1"
    assert second.path == tmp_path / "scans/sub/c.png" and second.mask is None
    assert load_cohort(path, tmp_path / "scans").name == "labels"


def test_mask_and_group_may_be_missing_and_tumor_is_a_label(tmp_path: Path) -> None:
    (one,) = load_cohort(table(tmp_path, "path,label\na.png,tumor\n"), tmp_path / "scans")
    assert one.label is UnknownTumor.TUMOR and one.group is None and one.spacing_mm is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("path,kind\na.png,glioma\n", "lacks the column 'label'"),
        ("", "lacks the column 'path'"),
        ("path,label\n", "has no rows"),
        ("path,label\na.png,pear\n", "Row 2 of .* label 'pear'.* known are .*glioma"),
        ("path,label\na.png,glioma\nz.png,glioma\n", "Row 3 of .* names z.png, which is not a file"),
        ("path,label,mask\na.png,glioma,z.png\n", "names z.png"),
        ("path,label\n,glioma\n", "Row 2 of .* has no path"),
        ("path,label\na.png,glioma\na.png,glioma\n", "names a.png twice"),
    ],
)
def test_each_fault_is_one_sentence_that_names_the_row(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(DatasetError, match=words) as caught:
        load_cohort(table(tmp_path, text), tmp_path / "scans")
    assert "\n" not in str(caught.value)


def test_a_table_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="cannot be read"):
        load_cohort(tmp_path / "none.csv")
