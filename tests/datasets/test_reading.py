from pathlib import Path

import cv2
import numpy as np
import pytest

from tumorlens.datasets.crops import crop_fails, is_bad_crop
from tumorlens.datasets.reading import grey_picture, read_record, read_record_mask
from tumorlens.datasets.records import Record
from tumorlens.errors import DatasetError, InputError, UnreadableFileError
from tumorlens.labels import CLASSES, TumorClass
from tumorlens.phantoms import random_phantom


def save(path: Path, picture: np.ndarray) -> Record:
    path.write_bytes(cv2.imencode(path.suffix, picture)[1].tobytes())
    return Record(path.name, path, TumorClass.GLIOMA)


def with_channel(record: Record, channel: int) -> Record:
    return Record(record.id, record.path, record.label, channel=channel)


@pytest.fixture
def color() -> np.ndarray:
    """Blue, green, red as OpenCV writes them: 50, 100 and 200 in one corner."""
    picture = np.zeros((32, 32, 3), np.uint8)
    picture[:8, :8] = (50, 100, 200)
    return picture


@pytest.mark.parametrize(("channel", "value"), [(0, 200), (1, 100), (2, 50)])
def test_channels_count_in_the_order_of_the_file(tmp_path: Path, color: np.ndarray, channel: int, value: int) -> None:
    scan = read_record(with_channel(save(tmp_path / "a.tif", color), channel))
    assert scan.pixels[0, 0] == value and scan.pixels[-1, -1] == 0
    assert len(scan.source.sha256) == 64


def test_without_a_channel_the_ordinary_reader_answers(tmp_path: Path, color: np.ndarray) -> None:
    record = save(tmp_path / "a.png", color)
    assert read_record(record).warnings
    with pytest.raises(InputError, match=r"a\.png: "):
        read_record(save(tmp_path / "a.png", np.zeros((32, 32), np.uint8)))


def test_spacing_of_the_collection_is_that_of_the_scan(tmp_path: Path, color: np.ndarray) -> None:
    path = save(tmp_path / "a.png", color).path
    assert read_record(Record("a", path, TumorClass.GLIOMA, spacing_mm=(0.5, 0.6))).spacing_mm == (0.5, 0.6)


def test_missing_channel_or_file_is_named(tmp_path: Path, color: np.ndarray) -> None:
    grey = save(tmp_path / "grey.tif", color[..., 0])
    with pytest.raises(UnreadableFileError, match=r"grey\.tif has 1 channels, and channel 1 was asked for"):
        read_record(with_channel(grey, 1))
    grey.path.write_bytes(b"")
    with pytest.raises(UnreadableFileError, match=r"grey\.tif cannot be decoded"):
        read_record(with_channel(grey, 1))
    with pytest.raises(UnreadableFileError, match=r"none\.tif cannot be (opened|decoded)"):
        read_record(Record("none", tmp_path / "none.tif", TumorClass.GLIOMA, channel=1))


def test_constant_channels_are_read(tmp_path: Path) -> None:
    record = save(tmp_path / "empty.tif", np.zeros((32, 32, 3), np.uint8))
    assert not read_record(with_channel(record, 1)).pixels.any()


def test_record_without_mask_is_refused(tmp_path: Path, color: np.ndarray) -> None:
    with pytest.raises(DatasetError, match=r"a\.png has no mask: segmentation needs one"):
        read_record_mask(save(tmp_path / "a.png", color), (32, 32))


def test_grey_pictures_are_bytes_whatever_the_depth(tmp_path: Path) -> None:
    deep = np.zeros((32, 32), np.uint16)
    deep[0, :2] = (1000, 2000)
    grey = grey_picture(save(tmp_path / "deep.png", deep))
    assert grey.dtype == np.uint8 and grey[0, :2].tolist() == [128, 255]


@pytest.mark.parametrize("label", CLASSES)
def test_heads_can_be_cropped(label: TumorClass) -> None:
    assert not crop_fails(random_phantom(np.random.default_rng(3), label).pixels)


def test_a_head_that_fills_its_picture_is_no_bad_crop() -> None:
    pixels = random_phantom(np.random.default_rng(3), TumorClass.GLIOMA).pixels
    inside = np.argwhere(pixels > pixels.max() / 4)
    (top, left), (bottom, right) = inside.min(axis=0), inside.max(axis=0)
    assert not crop_fails(np.ascontiguousarray(pixels[top : bottom + 1, left : right + 1]))


def test_specks_are_bad_crops(tmp_path: Path) -> None:
    picture = np.zeros((128, 128), np.uint8)
    picture[60:64, 60:64] = 255
    assert is_bad_crop(save(tmp_path / "speck.png", picture))
