from __future__ import annotations

import io

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRBigEndian, ImplicitVRLittleEndian
from scan_files import dicom_bytes, dicom_dataset, ramp

from tumorlens.io.dicom_walk import walked

PIXELS = ramp(dtype=np.int16)


@pytest.mark.parametrize("implicit", [False, True])
def test_it_reads_what_pydicom_reads(implicit: bool) -> None:
    dataset = dicom_dataset(PIXELS, PixelSpacing=[0.5, 0.75], SeriesNumber=4)
    dataset.private_block(0x0019, "MADE", create=True).add_new(1, "DS", "1.5")
    if implicit:
        dataset.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    content = dicom_bytes(dataset)
    found, expected = walked(content), pydicom.dcmread(io.BytesIO(content))
    assert found is not None
    expected.remove_private_tags()
    assert found == expected
    assert found.file_meta == expected.file_meta
    assert np.array_equal(found.pixel_array, PIXELS)
    header = walked(content[: len(content) - PIXELS.nbytes], header_only=True)
    del expected.PixelData
    assert header == expected


def test_what_is_not_plain_is_left_to_pydicom() -> None:
    content = dicom_bytes(dicom_dataset(PIXELS))
    for cut in (content[:-1], content[:300], content[:132], content[:20], content[132:], b""):
        assert walked(cut) is None
    assert walked(content[:300], header_only=True) is None
    big = dicom_dataset(PIXELS)
    big.file_meta.TransferSyntaxUID = ExplicitVRBigEndian
    big.PixelData = PIXELS.astype(">i2").tobytes()
    assert walked(dicom_bytes(big)) is None
    nested = dicom_dataset(PIXELS)
    nested.RequestAttributesSequence = [Dataset()]
    nested["RequestAttributesSequence"].is_undefined_length = True
    assert walked(dicom_bytes(nested)) is None
