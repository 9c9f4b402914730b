from __future__ import annotations

import gzip
import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scan_files import dicom_bytes, dicom_dataset, nifti_image, pillow_bytes, ramp, write_cjdata

from tumorlens.errors import LimitError, TumorlensError, UnreadableFileError
from tumorlens.io import file_bytes, limits, read_scan

_PLAIN = nifti_image(np.arange(6400, dtype=np.int16).reshape(20, 16, 20), np.eye(4)).to_bytes()
FILES = {
    "png": pillow_bytes(ramp(), "PNG"),
    "jpeg": pillow_bytes(ramp(), "JPEG"),
    "bmp": pillow_bytes(ramp(), "BMP"),
    "tiff": pillow_bytes(ramp(), "TIFF"),
    "dicom": dicom_bytes(dicom_dataset(ramp(dtype=np.uint16), PixelSpacing=[1, 1])),
    "bare dicom": dicom_bytes(dicom_dataset(ramp(dtype=np.uint16)))[132:],
    "nifti": _PLAIN,
    "nifti.gz": gzip.compress(_PLAIN),
}


@pytest.mark.parametrize("kind", FILES)
def test_the_suffix_does_not_matter(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "scan.txt"
    path.write_bytes(FILES[kind])
    scan = read_scan(path)
    assert scan.source.format == kind.split()[-1].split(".")[0]
    assert scan.source.sha256 == hashlib.sha256(FILES[kind]).hexdigest()
    assert scan.source.path == str(path)
    assert read_scan(str(path)).slice().pixels.tobytes() == scan.slice().pixels.tobytes()


@pytest.mark.parametrize("name", ["empty.png", "empty.dcm"])
def test_empty_file(name: str, tmp_path: Path) -> None:
    (tmp_path / name).touch()
    with pytest.raises(UnreadableFileError, match="is empty"):
        read_scan(tmp_path / name)


def test_text_renamed_to_png(tmp_path: Path) -> None:
    path = tmp_path / "a note.png"
    path.write_text("this is no picture\n")
    with pytest.raises(UnreadableFileError, match=r"plain text, and what is read is .*JPEG.*PNG") as caught:
        read_scan(path)
    assert "a note" not in str(caught.value)
    assert caught.value.__notes__ == [f"file: {path}"]


def test_missing_folder_and_strange_paths(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for path in (tmp_path / "none.png", tmp_path / "file" / "below.png"):
        with pytest.raises(UnreadableFileError, match="does not exist"):
            read_scan(path)
    with pytest.raises(UnreadableFileError, match="is a folder"):
        read_scan(tmp_path)
    for name in ("a\0b.png", "x" * 5000):
        with pytest.raises(UnreadableFileError, match="cannot be read"):
            read_scan(name)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no named pipes or symbolic links for everybody")
def test_pipe_and_link_to_itself(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(UnreadableFileError, match="pipe"):
        read_scan(tmp_path / "pipe.png")
    (tmp_path / "loop.png").symlink_to(tmp_path / "loop.png")
    with pytest.raises(UnreadableFileError, match="cannot be read"):
        read_scan(tmp_path / "loop.png")
    (tmp_path / "broken.png").symlink_to(tmp_path / "none.png")
    with pytest.raises(UnreadableFileError, match="link to nothing"):
        read_scan(tmp_path / "broken.png")


def test_no_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "one.png"
    path.write_bytes(FILES["png"])

    def refuse(_: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)  # root, who runs some tests, may read everything
    with pytest.raises(UnreadableFileError, match="permission denied"):
        read_scan(path)


def test_file_past_the_limit_is_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "large.nii"
    with path.open("wb") as file:
        file.truncate(limits.MAX_FILE_BYTES + 1)
    monkeypatch.setattr(Path, "read_bytes", lambda _: pytest.fail("opened"))
    with pytest.raises(LimitError, match="1,073,741,825 bytes"):
        file_bytes.read_bytes(path)


def _survives(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    try:
        scan = read_scan(path)
    except TumorlensError as error:
        assert str(error).endswith(".")
        assert "\n" not in str(error)
    else:
        assert np.isfinite(scan.slice().pixels).all()


_MAGICS = [
    *(b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"II*\0", b"MM\0+", b"BM" + b"\0" * 12 + b"\x28\0\0\0"),
    *(b"\0" * 128 + b"DICM", b"\x08\0\x05\0CS", b"\x1f\x8b\x08", b"\x5c\1\0\0" + b"\0" * 340 + b"n+1\0"),
]
_FUZZ = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@_FUZZ
@given(st.sampled_from(_MAGICS), st.binary(max_size=600))
def test_random_bytes_raise_nothing_else(tmp_path: Path, magic: bytes, rest: bytes) -> None:
    _survives(tmp_path / "random", magic + rest)


@_FUZZ
@given(st.sampled_from(sorted(FILES)), st.data())
def test_damaged_files_raise_nothing_else(tmp_path: Path, kind: str, data: st.DataObject) -> None:
    content = bytearray(FILES[kind])
    for _ in range(data.draw(st.integers(1, 4))):
        # Headers, where damage says most, come first in every format.
        position = data.draw(st.integers(0, min(len(content), 700) - 1) | st.integers(0, len(content) - 1))
        content[position] = data.draw(st.integers(0, 255))
    _survives(tmp_path / "damaged", bytes(content[: data.draw(st.integers(1, len(content)))]))


def test_reading_a_picture_loads_no_other_decoder(tmp_path: Path) -> None:
    path = tmp_path / "one.png"
    path.write_bytes(FILES["png"])
    program = (
        "import sys; from tumorlens.io import read_scan; read_scan(sys.argv[1]);"
        "print([name for name in ('pydicom', 'nibabel', 'h5py', 'cv2', 'torch') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_same_answer_from_matlab_and_picture(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(FILES["png"])
    assert np.array_equal(
        read_scan(tmp_path / "a.png").slice().pixels, read_scan(write_cjdata(tmp_path / "a.mat", ramp())).slice().pixels
    )
