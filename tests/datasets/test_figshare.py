from pathlib import Path

import pytest

from tumorlens.datasets.figshare import load_figshare
from tumorlens.errors import DatasetError
from tumorlens.labels import TumorClass

HEADER = "image,mask,label,group,pixel_spacing_mm\n"
ROWS = "1.jpg,1.png,meningioma,7,0.98\n2.jpg,2.png,glioma,9,0.98\n"


def make(root: Path, table: str = HEADER + ROWS) -> Path:
    for folder, suffix in (("images", "jpg"), ("masks", "png")):
        (root / folder).mkdir()
        for number in (1, 2):
            (root / folder / f"{number}.{suffix}").write_bytes(b"")
    (root / "metadata.csv").write_text(table, encoding="utf-8")
    return root


def test_rows_become_records(tmp_path: Path) -> None:
    first, second = load_figshare(make(tmp_path))
    assert (first.id, first.label, first.group) == ("images/1.jpg", TumorClass.MENINGIOMA, "7")
    assert first.spacing_mm == (0.98, 0.98)
    assert first.mask == tmp_path / "masks" / "1.png"
    assert second.label is TumorClass.GLIOMA


@pytest.mark.parametrize("missing", ["images/2.jpg", "masks/2.png"])
def test_missing_image_or_mask_is_named(tmp_path: Path, missing: str) -> None:
    (make(tmp_path) / missing).unlink()
    with pytest.raises(DatasetError, match=rf"{Path(missing).name}, which is missing from .*{Path(missing).parent}"):
        load_figshare(tmp_path)


def test_missing_table_says_which_folder_to_pass(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"no metadata\.csv in .*images/ and masks/"):
        load_figshare(tmp_path)


@pytest.mark.parametrize("table", ["", HEADER, "image,mask,label\n1.jpg,1.png,glioma\n"])
def test_table_without_rows_or_columns_is_refused(tmp_path: Path, table: str) -> None:
    with pytest.raises(DatasetError, match="must have the columns image, mask, label, group, pixel_spacing_mm"):
        load_figshare(make(tmp_path, table))


def test_unknown_label_lists_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="label 'cyst'; known are glioma, meningioma, pituitary, no_tumor"):
        load_figshare(make(tmp_path, HEADER + "1.jpg,1.png,cyst,7,0.98\n"))
