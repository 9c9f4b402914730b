"""DICOM segmentations, read as masks: several segments, slices left out, bits and fractions."""

from __future__ import annotations

from collections.abc import Sequence as Many
from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from scan_files import dicom_bytes, dicom_dataset

from tumorlens.errors import LimitError
from tumorlens.io import read_scan
from tumorlens.io.dicom import read_dicom
from tumorlens.io.request import ReadRequest
from tumorlens.measurement import measure_volume
from tumorlens.scan import Scan, Source

SEGMENTATION = "1.2.840.10008.5.1.4.1.1.66.4"
STEP = 2.5
SIDE = 128


def square(row: int, col: int, side: int = 8) -> np.ndarray:
    frame = np.zeros((SIDE, SIDE), bool)
    frame[row : row + side, col : col + side] = True
    return frame


def seg(frames: Many[tuple[float, np.ndarray]], *, fractional: bool = False, between: float | None = STEP) -> bytes:
    """A segmentation whose frames lie at these places along the normal, in this order."""
    stored = np.stack([frame for _, frame in frames])
    pixels = stored.astype(np.uint8) * 200 if fractional else np.packbits(stored.ravel(), bitorder="little")
    dataset = dicom_dataset(pixels.reshape(-1, 8), Rows=SIDE, Columns=SIDE, NumberOfFrames=len(frames), Modality="SEG")
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = SEGMENTATION
    dataset.SegmentationType = "FRACTIONAL" if fractional else "BINARY"
    if fractional:
        dataset.MaximumFractionalValue = 200
    else:
        dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 1, 1, 0
    measures, turn, shared = Dataset(), Dataset(), Dataset()
    measures.PixelSpacing = [1.5, 1.5]
    if between is not None:
        measures.SpacingBetweenSlices = between
    turn.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    shared.PixelMeasuresSequence, shared.PlaneOrientationSequence = Sequence([measures]), Sequence([turn])
    dataset.SharedFunctionalGroupsSequence = Sequence([shared])
    groups = []
    for place, _ in frames:
        group, position = Dataset(), Dataset()
        position.ImagePositionPatient = [-96, -96, place]
        group.PlanePositionSequence = Sequence([position])
        groups.append(group)
    dataset.PerFrameFunctionalGroupsSequence = Sequence(groups)
    return dicom_bytes(dataset)


def read(content: bytes, request: ReadRequest | None = None) -> Scan:
    return read_dicom(content, Source(format="dicom"), request or ReadRequest())


@pytest.mark.parametrize("fractional", [False, True])
def test_segments_at_one_place_are_one_slice(fractional: bool) -> None:
    one, other = square(10, 10), square(40, 60)
    frames = [(0, one), (STEP, one), (2 * STEP, one), (STEP, other), (2 * STEP, other), (3 * STEP, other)]
    scan = read(seg(frames, fractional=fractional))
    assert (scan.shape, scan.spacing_mm, scan.slice_mm) == ((4, SIDE, SIDE), (1.5, 1.5), STEP)
    assert [int(one.sum()) for one in scan.pixels] == [64, 128, 128, 64]
    assert scan.affine is not None and scan.affine[2, 3] == pytest.approx(0)


def test_slices_that_were_left_out_come_back_empty() -> None:
    # Two lesions, the one at 5 to 10 mm and the other at 20 to 22.5 mm: what lies between was not stored.
    frames = [(at * STEP, square(10, 10)) for at in (8, 9, 3, 2, 4)]
    for between in (STEP, None):
        scan = read(seg(frames, between=between))
        assert [int(one.sum() // 64) for one in scan.pixels] == [1, 1, 1, 0, 0, 0, 1, 1]
        assert (scan.slice_mm, scan.affine is not None and scan.affine[2, 3]) == (STEP, pytest.approx(2 * STEP))
        bodies = measure_volume(scan.pixels > 0, scan.spacing_mm, scan.slice_mm, scan.affine)
        assert [one.volume_mm3 for one in bodies] == [pytest.approx(n * 64 * 1.5**2 * STEP) for n in (3, 2)]


def test_the_stated_distance_of_slices_tells_more_than_the_smallest_gap() -> None:
    frames = [(at * STEP, square(10, 10)) for at in (0, 2, 4)]
    assert [int(one.any()) for one in read(seg(frames)).pixels] == [1, 0, 1, 0, 1]


def test_places_that_are_no_whole_steps_are_said() -> None:
    scan = read(seg([(at, square(10, 10)) for at in (0, 2.5, 6.2)], between=None))
    assert (len(scan.pixels), scan.slice_mm) == (3, None)
    assert "not evenly" in scan.warnings[0]


def test_places_far_apart_stay_within_the_memory_that_is_allowed() -> None:
    content = seg([(0, square(10, 10)), (STEP, square(10, 10)), (4000 * STEP, square(10, 10))])
    with pytest.raises(LimitError):
        read(content, ReadRequest(memory=50_000_000))


def test_it_is_a_mask_and_no_scan(tmp_path: Path) -> None:
    path = tmp_path / "mask.dcm"
    path.write_bytes(seg([(0, square(10, 10)), (STEP, square(12, 12))]))
    scan = read_scan(path)
    assert scan.refusal is not None and "measure reads it" in scan.refusal
