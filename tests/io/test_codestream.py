from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.encaps import generate_frames
from pydicom.uid import UID, JPEG2000Lossless, JPEGLSLossless, RLELossless
from scan_files import dicom_dataset, pillow_bytes, ramp

from tumorlens.io.codestream import frame_size


@pytest.mark.parametrize("progressive", [False, True])
def test_jpeg(progressive: bool) -> None:
    assert frame_size(pillow_bytes(ramp(24, 40), "JPEG", progressive=progressive)) == (24, 40)


@pytest.mark.parametrize(
    ("syntax", "size"), [(JPEGLSLossless, (40, 48)), (JPEG2000Lossless, (40, 48)), (RLELossless, None)]
)
def test_dicom_compressions(syntax: UID, size: tuple[int, int] | None) -> None:
    dataset = dicom_dataset(ramp(40, 48, np.uint16))
    dataset.compress(syntax)
    assert frame_size(next(generate_frames(dataset.PixelData, number_of_frames=1))) == size


@given(st.sampled_from([b"", b"\xff\xd8", b"\xff\xd8\xff\xe0\0\0", b"\xff\x4f\xff\x51"]), st.binary(max_size=60))
def test_any_bytes_are_survived(start: bytes, rest: bytes) -> None:
    assert frame_size(start + rest) is None or len(start + rest) > 9
