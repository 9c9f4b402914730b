from __future__ import annotations

import gzip

import numpy as np
import pytest
from scan_files import dicom_bytes, dicom_dataset, nifti_image, pillow_bytes, ramp, write_cjdata

from tumorlens.io.sniff import HEAD_BYTES, describe_unknown, sniff_format


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP", "TIFF"])
def test_pictures_are_known_by_content(kind: str) -> None:
    assert sniff_format(pillow_bytes(ramp(), kind)[:HEAD_BYTES]) == kind.lower()


@pytest.mark.parametrize("head", [b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"])
def test_both_byte_orders_and_bigtiff_are_tiff(head: bytes) -> None:
    assert sniff_format(head + b"\0" * 60) == "tiff"


def test_dicom_is_known_with_and_without_preamble() -> None:
    content = dicom_bytes(dicom_dataset(ramp()))
    assert sniff_format(content[:HEAD_BYTES]) == "dicom"
    assert sniff_format(content[132 : 132 + HEAD_BYTES]) == "dicom"


@pytest.mark.parametrize("version", [1, 2])
def test_nifti_is_known_plain_and_gzipped(version: int) -> None:
    content = nifti_image(np.ones((4, 4, 4), np.int16), np.eye(4), version=version).to_bytes()
    assert sniff_format(content[:HEAD_BYTES]) == "nifti"
    assert sniff_format(gzip.compress(content)[:HEAD_BYTES]) == "nifti"


def test_matlab_is_known_behind_its_own_512_bytes(tmp_path) -> None:
    content = write_cjdata(tmp_path / "1.mat", ramp()).read_bytes()
    assert content[:10] == b"MATLAB 7.3"
    assert sniff_format(content[:HEAD_BYTES]) == "matlab"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"a note about a scan\nand more", "plain text"),
        (b"BMs are not bitmaps, says this text file", "plain text"),
        ("größer als ein Bild".encode(), "plain text"),
        (b"\x00\x01\x02\x03" * 20, "unknown binary data"),
        (b"%PDF-1.7", "a PDF document"),
        (b"MATLAB 5.0 MAT-file", "-v7.3"),
        (gzip.compress(b"no volume"), "no NIfTI inside"),
        (b"\x5c\1\0\0" + b"\0" * 344, "Analyze 7.5"),
        (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000"),
        (b"\0\0\0\x20ftypheic", "HEIC"),
    ],
)
def test_anything_else_is_unknown_and_described(content: bytes, words: str) -> None:
    assert sniff_format(content) is None
    assert words in describe_unknown(content)
