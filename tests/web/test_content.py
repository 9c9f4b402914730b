from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from scan_files import dicom_bytes, dicom_dataset, ramp

from tumorlens.web.content import check_content, is_zip
from tumorlens.web.problems import ProblemError


def dicom(preamble: bytes = b"") -> bytes:
    data = dicom_bytes(dicom_dataset(ramp(dtype=np.uint16)))
    return preamble.ljust(128, b"\0") + data[128:]


def zipped() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as file:
        file.writestr("a.html", "<script>")
    return stream.getvalue()


def test_scans_pass(tmp_path: Path, png: bytes) -> None:
    path = tmp_path / "x"
    for data in (png, dicom(), png + b"\0\0"):
        path.write_bytes(data)
        check_content(path)
        assert not is_zip(path)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (b"hello", "plain text"),
        (b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'></svg>", "web page or SVG"),
        (b"<!DOCTYPE html><html></html>", "web page or SVG"),
        (b"%PDF-1.7 " + b"x" * 100, "PDF"),
        (b"GIF89a" + bytes(100), "GIF"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, data: bytes, words: str) -> None:
    path = tmp_path / "x"
    path.write_bytes(data)
    with pytest.raises(ProblemError, match=words) as caught:
        check_content(path)
    assert caught.value.problem.status in (415, 422)


def test_polyglots_are_refused(tmp_path: Path, png: bytes) -> None:
    path = tmp_path / "x"
    text_chunk = png[:33] + b"\0\0\0\x10tEXt<script>alert(1)" + png[33:]
    for data in (
        png + zipped(),
        dicom(b"MZ"),
        dicom(b"\x89PNG\r\n\x1a\n"),
        dicom(b"<html>"),
        dicom(b"II*\0"),
        text_chunk,
    ):
        path.write_bytes(data)
        with pytest.raises(ProblemError, match="at once") as caught:
            check_content(path)
        assert caught.value.problem.status == 415
