from __future__ import annotations

import io
import logging
import zlib
from pathlib import Path

import gdcm
import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.uid import (
    MPEG2MPML,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)
from scan_files import SECRET, dicom_bytes, dicom_dataset, encapsulated, pillow_bytes, ramp

from tumorlens.errors import InputError, LimitError, TumorlensError, UnreadableFileError
from tumorlens.io import COLOR_WARNING, read_scan
from tumorlens.io.dicom import read_dicom
from tumorlens.scan import Scan, Source

STORED = ramp(dtype=np.uint16) // 16


def read(content: bytes) -> Scan:
    return read_dicom(content, Source(format="dicom"))


def read_with(pixels: np.ndarray = STORED, **elements: object) -> Scan:
    return read(dicom_bytes(dicom_dataset(pixels, **elements)))


def test_plain_image_with_its_spacing() -> None:
    scan = read_with(PixelSpacing=[0.5, 0.75], ImagerPixelSpacing=[9, 9])
    assert np.array_equal(scan.slice().pixels, STORED)
    assert (scan.spacing_mm, scan.spacing_source, scan.modality, scan.warnings) == ((0.5, 0.75), "dicom", "MR", ())


def test_imager_pixel_spacing_is_not_used() -> None:
    scan = read_with(ImagerPixelSpacing=[0.5, 0.5])
    assert (scan.spacing_mm, scan.spacing_source) == (None, "none")


@pytest.mark.parametrize("value", [[0, 1], [-1, 1], [0.5, 0.5, 0.5], [0.5]])
def test_senseless_spacing_is_left_out_with_a_warning(value: list[float]) -> None:
    scan = read_with(PixelSpacing=value)
    assert scan.spacing_mm is None
    assert "PixelSpacing" in scan.warnings[0]


def test_empty_spacing_is_no_spacing() -> None:
    assert read_with(PixelSpacing=[]).spacing_mm is None


def test_rescale_and_signed_pixels() -> None:
    pixels = STORED.astype(np.int16) - 1000
    scan = read_with(pixels, RescaleSlope="2.5", RescaleIntercept="-7")
    assert np.allclose(scan.slice().pixels, pixels * 2.5 - 7.0)


def test_window_clips_in_rescaled_units() -> None:
    # PS3.3 C.11.2.1.2.1: center 1000, width 401 shows 799.5 to 1199.5; LINEAR_EXACT has width / 2 on each side.
    rescaled = STORED * 0.5 + 100
    options = {"RescaleSlope": "0.5", "RescaleIntercept": "100", "WindowCenter": [1000, 5], "WindowWidth": [401, 1]}
    assert np.allclose(read_with(**options).slice().pixels, np.clip(rescaled, 799.5, 1199.5))
    exact = read_with(**options, VOILUTFunction="LINEAR_EXACT")
    assert np.allclose(exact.slice().pixels, np.clip(rescaled, 799.5, 1200.5))


def test_sigmoid_window() -> None:
    scan = read_with(WindowCenter=2000, WindowWidth=1000, VOILUTFunction="SIGMOID")
    assert np.allclose(scan.slice().pixels, 1 / (1 + np.exp(-4 * (STORED - 2000.0) / 1000)), atol=1e-6)


@pytest.mark.parametrize(("center", "width"), [(100, 0), (100, -3), (1e6, 10)])
def test_window_that_shows_nothing_is_not_applied(center: float, width: float) -> None:
    scan = read_with(WindowCenter=center, WindowWidth=width)
    assert np.array_equal(scan.slice().pixels, STORED)
    assert "window" in scan.warnings[0]


def _table(values: np.ndarray, first: int) -> Dataset:
    table = Dataset()
    table.LUTDescriptor, table.LUTData = [len(values), first, 16], values.astype("<u2").tobytes()
    table["LUTDescriptor"].VR, table["LUTData"].VR = "US", "OW"
    return table


def test_voi_table_goes_before_the_window() -> None:
    values = (np.arange(4096) // 2 + 3).astype(np.uint16)
    scan = read_with(VOILUTSequence=[_table(values, 0)], WindowCenter=5, WindowWidth=2)
    assert np.array_equal(scan.slice().pixels, values[STORED])


def test_modality_table() -> None:
    table = _table((np.arange(4096) * 3).astype(np.uint16), 0)
    table.ModalityLUTType = "US"
    assert np.array_equal(read_with(ModalityLUTSequence=[table]).slice().pixels, STORED * 3.0)


def test_monochrome1_is_inverted() -> None:
    scan = read_with(PhotometricInterpretation="MONOCHROME1")
    assert np.array_equal(scan.slice().pixels, STORED.max() - STORED.astype(float) + STORED.min())


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian])
def test_uncompressed_syntaxes(syntax: pydicom.uid.UID) -> None:
    dataset = dicom_dataset(STORED)
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset["PixelData"].VR = "OW"
    if syntax == ExplicitVRBigEndian:
        dataset.PixelData = STORED.astype(">u2").tobytes()
    assert np.array_equal(read(dicom_bytes(dataset)).slice().pixels, STORED)


@pytest.mark.parametrize("implicit", [True, False])
def test_without_preamble_and_meta(tmp_path: Path, implicit: bool) -> None:
    path = tmp_path / "IM0001"
    dataset = dicom_dataset(STORED)
    stream = io.BytesIO()
    bare = Dataset({element.tag: element for element in dataset})
    pydicom.dcmwrite(stream, bare, implicit_vr=implicit, little_endian=True)
    path.write_bytes(stream.getvalue())
    scan = read_scan(path)
    assert np.array_equal(scan.slice().pixels, STORED)
    assert scan.source.format == "dicom"


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("syntax", [RLELossless, JPEGLSLossless, JPEG2000Lossless])
def test_lossless_compression(syntax: pydicom.uid.UID, dtype: type) -> None:
    pixels = ramp(40, 48, dtype)
    dataset = dicom_dataset(pixels)
    dataset.compress(syntax, generate_instance_uid=False)
    assert np.array_equal(read(dicom_bytes(dataset)).slice().pixels, pixels)


def test_near_lossless_jpeg_ls() -> None:
    dataset = dicom_dataset(STORED)
    dataset.compress(JPEGLSNearLossless, jls_error=3, generate_instance_uid=False)
    assert np.abs(read(dicom_bytes(dataset)).slice().pixels - STORED).max() <= 3


def by_gdcm(folder: Path, dataset: pydicom.FileDataset, syntax: pydicom.uid.UID) -> Path:
    """The image, compressed by GDCM."""
    plain, packed = folder / "plain.dcm", folder / "packed.dcm"
    plain.write_bytes(dicom_bytes(dataset))
    reader = gdcm.ImageReader()
    reader.SetFileName(str(plain))
    assert reader.Read()
    change = gdcm.ImageChangeTransferSyntax()
    change.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.GetTSType(str(syntax))))
    change.SetInput(reader.GetImage())
    assert change.Change()
    writer = gdcm.ImageWriter()
    writer.SetFileName(str(packed))
    writer.SetFile(reader.GetFile())
    writer.SetImage(change.GetOutput())
    assert writer.Write()
    assert pydicom.dcmread(packed).file_meta.TransferSyntaxUID == syntax
    return packed


@pytest.mark.parametrize("pixels", [STORED, STORED.astype(np.int16) - 900, np.dstack([ramp(), ramp(), 255 - ramp()])])
@pytest.mark.parametrize("syntax", [JPEGLossless, JPEGLosslessSV1])
def test_lossless_jpeg(tmp_path: Path, syntax: pydicom.uid.UID, pixels: np.ndarray) -> None:
    dataset = dicom_dataset(pixels)
    expected = read(dicom_bytes(dataset))
    scan = read_scan(by_gdcm(tmp_path, dataset, syntax))
    assert np.array_equal(scan.slice().pixels, expected.slice().pixels)
    assert scan.warnings == expected.warnings


def test_extended_jpeg_of_12_bits(tmp_path: Path) -> None:
    wave = np.add.outer(np.sin(np.arange(64) / 5), np.cos(np.arange(48) / 7))
    pixels = np.rint(2048 + 1000 * wave).astype(np.uint16)
    dataset = dicom_dataset(pixels, BitsStored=12, HighBit=11)
    assert np.abs(read_scan(by_gdcm(tmp_path, dataset, JPEGExtended12Bit)).slice().pixels - pixels).max() <= 8


def test_a_decoder_that_ends_its_process_ends_only_that(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = by_gdcm(tmp_path, dicom_dataset(STORED), JPEGLosslessSV1)
    program = tmp_path / "gdcm_frame.py"
    program.write_text("import os; os.abort()")
    monkeypatch.setattr("tumorlens.io.frames._PROGRAM", program)
    with pytest.raises(UnreadableFileError, match="is damaged"):
        read_scan(path)


def test_baseline_jpeg_grey_and_color() -> None:
    grey = ramp()
    frame = pillow_bytes(grey, "JPEG", quality=100)
    assert np.abs(read(encapsulated(dicom_dataset(grey), frame, JPEGBaseline8Bit)).slice().pixels - grey).max() <= 2
    rgb = np.zeros((32, 32, 3), np.uint8)
    rgb[:16] = (220, 40, 40)
    dataset = dicom_dataset(rgb, PhotometricInterpretation="YBR_FULL_422")
    scan = read(encapsulated(dataset, pillow_bytes(rgb, "JPEG", quality=98, subsampling=1), JPEGBaseline8Bit))
    assert scan.slice().pixels[4, 4] == pytest.approx(0.299 * 220 + 0.701 * 40, abs=3)
    assert scan.warnings == (COLOR_WARNING,)


def test_color_images_become_luma() -> None:
    rgb = np.zeros((20, 20, 3), np.uint8)
    rgb[:10, :, 0] = 200
    scan = read_with(rgb)
    assert scan.slice().pixels[0, 0] == pytest.approx(59.8, abs=1e-3)
    assert scan.warnings == (COLOR_WARNING,)
    assert read_with(np.dstack([ramp()] * 3)).warnings == ()


def test_palette_color() -> None:
    dataset = dicom_dataset(ramp() // 64, PhotometricInterpretation="PALETTE COLOR")
    for color, entries in {"Red": [0, 10, 20, 250], "Green": [0, 10, 20, 30], "Blue": [0, 10, 20, 30]}.items():
        setattr(dataset, f"{color}PaletteColorLookupTableDescriptor", [4, 0, 16])
        setattr(dataset, f"{color}PaletteColorLookupTableData", np.array(entries, "<u2").tobytes())
    scan = read(dicom_bytes(dataset))
    assert scan.slice().pixels.max() == pytest.approx(30 + 0.299 * 220, abs=1e-3)
    assert scan.warnings == (COLOR_WARNING,)


def test_modality_warnings() -> None:
    assert read_with(Modality="CT").refusal == "The file says modality CT, and the models know MR only."
    assert read_with(Modality=None).modality == "unknown"
    assert "burned" in read_with(BurnedInAnnotation="YES").warnings[0]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (dicom_bytes(dicom_dataset(STORED, PixelData=None)), "holds no pixels"),
        (dicom_bytes(dicom_dataset(STORED, Rows=None)), "Rows and Columns"),
        (dicom_bytes(dicom_dataset(STORED))[:-200], "truncated"),
        (dicom_bytes(dicom_dataset(STORED))[:140], "holds no pixels"),
        (dicom_bytes(dicom_dataset(STORED, PhotometricInterpretation="HSV")), "PhotometricInterpretation"),
        (dicom_bytes(dicom_dataset(STORED, PhotometricInterpretation=None)), "PhotometricInterpretation|truncated"),
        (encapsulated(dicom_dataset(STORED), b"\1" * 400, JPEG2000Lossless), "is damaged"),
        (encapsulated(dicom_dataset(ramp()), pillow_bytes(ramp(), "JPEG")[:300], JPEGBaseline8Bit), "damaged"),
        (encapsulated(dicom_dataset(STORED), b"\1" * 400, MPEG2MPML), "MPEG2 Main Profile"),
    ],
)
def test_unreadable_images(content: bytes, words: str) -> None:
    with pytest.raises(UnreadableFileError, match=words):
        read(content)


def test_frames_without_a_place_keep_their_order() -> None:
    frames = np.stack([STORED, STORED // 2, STORED // 3])
    scan = read_with(frames.reshape(-1, STORED.shape[1]), Rows=24, NumberOfFrames=3)
    assert np.array_equal(scan.pixels, frames)
    assert "order of the file" in scan.warnings[0]


def test_one_frame_with_empty_groups_is_one_slice() -> None:
    scan = read_with(SharedFunctionalGroupsSequence=[Dataset()])
    assert np.array_equal(scan.pixels[0], STORED)


def test_constant_and_tiny_images() -> None:
    with pytest.raises(InputError, match="same value"):
        read_with(np.full((20, 20), 7, np.uint16))
    with pytest.raises(LimitError, match="1 x 1"):
        read_with(np.zeros((1, 1), np.uint16))


def test_bombs_are_refused_before_decoding() -> None:
    with pytest.raises(LimitError, match="20,000 x 20,000"):
        read_with(Rows=20_000, Columns=20_000)
    frame = bytearray(pillow_bytes(ramp(), "JPEG"))
    at = frame.index(b"\xff\xc0")
    frame[at + 5 : at + 9] = (60_000).to_bytes(2, "big") * 2
    with pytest.raises(UnreadableFileError, match="60,000 x 60,000 pixels and its header says 24 x 32"):
        read(encapsulated(dicom_dataset(ramp()), bytes(frame), JPEGBaseline8Bit))


def test_deflated_bomb(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tumorlens.io.dicom.MAX_FILE_BYTES", 5_000_000)
    dataset = dicom_dataset(STORED)
    dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    content = dicom_bytes(dataset)
    start = 132 + 12 + pydicom.dcmread(io.BytesIO(content)).file_meta.FileMetaInformationGroupLength
    squeezer = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    bomb = content[:start] + squeezer.compress(b"\0" * 20_000_000) + squeezer.flush()
    with pytest.raises(LimitError, match="inflates to more than"):
        read(bomb)


def _damaged() -> list[bytes]:
    """Files whose damaged elements hold the patient's name, which is what pydicom's warnings and errors quote."""
    good = dicom_bytes(dicom_dataset(STORED, PixelSpacing=[1.5, 1.5], StudyDate="20200101"))
    name = SECRET[:8].encode()
    return [
        good.replace(b"20200101", name),
        good.replace(b"1.5\\1.5 ", name),
        good.replace(b"1.2.840.10008.5.1.4.1.1.4", b"1.2.840." + SECRET.encode() + b"  ")[:-300],
        dicom_bytes(dicom_dataset(STORED, Rows=None)),
        dicom_bytes(dicom_dataset(STORED, Modality=SECRET[:8])),
    ]


@pytest.mark.parametrize("number", range(5))
def test_nothing_of_the_patient_leaves_the_reader(
    number: int,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    recwarn: pytest.WarningsRecorder,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    content = _damaged()[number]
    assert SECRET[:8].encode() in content
    path = tmp_path / "one.dcm"
    path.write_bytes(content)
    recwarn.clear()
    caplog.clear()
    try:
        said = repr(read_scan(path))
    except TumorlensError as error:
        assert error.__cause__ is None
        assert error.__context__ is None
        said = str(error)
    printed = capfd.readouterr()
    said += caplog.text + printed.out + printed.err + " ".join(str(item.message) for item in recwarn.list)
    for secret in ("DOE^", "SECR", "4711"):
        assert secret not in said.upper()


def test_jpeg_of_a_phone_inside_does_not_matter() -> None:
    """A frame that states its own size well is decoded whatever its other markers say."""
    exif = Image.Exif()
    exif[274] = 6
    frame = pillow_bytes(ramp(), "JPEG", quality=100, exif=exif)
    assert read(encapsulated(dicom_dataset(ramp()), frame, JPEGBaseline8Bit)).shape == (1, 24, 32)
