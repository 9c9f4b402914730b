"""The kinds of file that made tools like this one answer wrongly: made here, and as kept files where present."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import nibabel
import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence
from pydicom.uid import JPEG2000Lossless, JPEGLSLossless, RLELossless
from scan_files import dicom_bytes, dicom_dataset, nifti_image, ramp

from tumorlens.errors import LimitError, TumorlensError
from tumorlens.io import read_scan
from tumorlens.io.codestream import code_stream
from tumorlens.io.dicom import read_dicom
from tumorlens.io.mask_nifti import mask_nifti
from tumorlens.io.nifti import read_nifti
from tumorlens.io.request import ReadRequest
from tumorlens.scan import Scan, Source

CASES = Path(os.environ.get("TUMORLENS_CASES", Path(__file__).parents[3] / "shared" / "cases"))
STORED = ramp(64, 64, np.uint16) // 16
VOLUME = np.arange(64 * 60 * 6, dtype=np.int16).reshape(64, 60, 6)
AFFINE = np.diag([-2.0, 2.0, 5.0, 1.0])


def case(kind: str, name: str) -> Scan:
    path = CASES / kind / name
    if not path.is_file():
        pytest.skip("data absent: the kept cases")
    return read_scan(path)


def dicom(pixels: np.ndarray = STORED, **elements: object) -> Scan:
    return read_dicom(dicom_bytes(dicom_dataset(pixels, **elements)), Source(format="dicom"))


def raw_text(name: str, vr: str, text: str) -> Scan:
    """An image whose element has a value that no writer would let through."""
    dataset = dicom_dataset(STORED)
    mark = "X" * (len(text) + len(text) % 2)
    dataset.add_new(name, vr, mark)
    content = dicom_bytes(dataset).replace(mark.encode(), text.ljust(len(mark)).encode())
    return read_dicom(content, Source(format="dicom"))


def nifti(image: nibabel.Nifti1Image, edit: dict[int, bytes] | None = None) -> Scan:
    content = bytearray(image.to_bytes())
    for place, value in (edit or {}).items():
        content[place : place + len(value)] = value
    return read_nifti(bytes(content), Source(format="nifti"))


@pytest.mark.parametrize("name", ["ModalityLUTSequence", "VOILUTSequence"])
@pytest.mark.parametrize("item", [Dataset(), None])
def test_a_table_that_cannot_be_used_is_left_out(name: str, item: Dataset | None) -> None:
    scan = dicom(**{name: Sequence([] if item is None else [item])})
    assert np.array_equal(scan.pixels[0], STORED)
    assert scan.warnings == (f"The file's {name} cannot be used, and was left out.",)


@pytest.mark.parametrize("bits", [8, 12, 16])
def test_a_table_of_any_depth_is_applied(bits: int) -> None:
    item = Dataset()
    entries = np.arange(4096)[::-1] % (1 << bits)
    item.add_new("LUTDescriptor", "US", [4096, 0, bits])
    item.add_new("LUTData", "OW", entries.astype("<u2").tobytes())
    item.ModalityLUTType = "US"
    scan = dicom(ModalityLUTSequence=Sequence([item]))
    assert np.array_equal(scan.pixels[0], entries[STORED])


@pytest.mark.parametrize(
    ("vr", "text", "spacing"),
    [
        ("UT", "0.5\\0.4", (0.5, 0.4)),
        ("ST", "0.5\\0.4", (0.5, 0.4)),
        ("LO", "0,5\\0,4", (0.5, 0.4)),
        ("LO", "0.5,0.4", (0.5, 0.4)),
        ("LO", "0.5\\", None),
        ("LO", "0,5", None),
        ("LO", "0.5 mm", None),
        ("LO", "nan\\nan", None),
    ],
)
def test_pixel_spacing_in_odd_spellings(vr: str, text: str, spacing: tuple[float, float] | None) -> None:
    scan = raw_text("PixelSpacing", vr, text)
    assert scan.spacing_mm == spacing
    assert np.array_equal(scan.pixels[0], STORED)
    assert spacing is not None or "PixelSpacing" in scan.warnings[0]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        *(("WindowCenter", text) for text in ("\\", "auto", "1,5")),
        *(("RescaleSlope", text) for text in ("1\\1", "1,0", "NaN", "0")),
        ("RescaleIntercept", "low"),
        ("NumberOfFrames", "1A"),
    ],
)
def test_a_number_that_is_none_is_left_out_alone(name: str, text: str) -> None:
    scan = raw_text(name, "LO", text)
    assert np.array_equal(scan.pixels[0], STORED)
    assert any(name in warning and "left out" in warning for warning in scan.warnings)


def enhanced(frames: int, order: list[int] | None = None, **elements: object) -> Dataset:
    """An enhanced image whose frames lie 3 mm apart, stored in any order, each of one value more than the last."""
    order = list(range(frames)) if order is None else order
    pixels = np.stack([STORED + np.uint16(place) for place in order])
    dataset = dicom_dataset(pixels.reshape(-1, STORED.shape[1]), Rows=64, NumberOfFrames=frames, **elements)
    measures, turn, shared = Dataset(), Dataset(), Dataset()
    measures.PixelSpacing = [0.5, 0.4]
    turn.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    shared.PixelMeasuresSequence, shared.PlaneOrientationSequence = Sequence([measures]), Sequence([turn])
    dataset.SharedFunctionalGroupsSequence = Sequence([shared])
    groups = []
    for place in order:
        group, position = Dataset(), Dataset()
        position.ImagePositionPatient = [0, 0, 3 * place]
        group.PlanePositionSequence = Sequence([position])
        groups.append(group)
    dataset.PerFrameFunctionalGroupsSequence = Sequence(groups)
    return dataset


def test_one_frame_enhanced_has_its_spacing() -> None:
    scan = read_dicom(dicom_bytes(enhanced(1)), Source(format="dicom"))
    assert (scan.shape, scan.spacing_mm) == ((1, 64, 64), (0.5, 0.4))


def test_frames_are_sorted_along_the_normal() -> None:
    scan = read_dicom(dicom_bytes(enhanced(4, [2, 0, 3, 1])), Source(format="dicom"))
    assert [int(one[0, 0]) - int(STORED[0, 0]) for one in scan.pixels] == [0, 1, 2, 3]
    assert (scan.slice_mm, scan.spacing_mm, scan.plane, scan.warnings) == (3.0, (0.5, 0.4), "axial", ())


def test_gaps_and_volumes_of_frames_are_said() -> None:
    gap = read_dicom(dicom_bytes(enhanced(4, [0, 1, 2, 5])), Source(format="dicom"))
    assert gap.slice_mm is None
    assert "2 slice(s) are missing" in gap.warnings[0]
    content = dicom_bytes(enhanced(6, [0, 1, 2, 0, 1, 2]))
    both = read_dicom(content, Source(format="dicom"))
    assert (both.shape[0], "2 volumes" in both.warnings[0]) == (3, True)
    assert read_dicom(content, Source(format="dicom"), ReadRequest(volume=1)).warnings == ()


@pytest.mark.parametrize("dtype", [np.uint16, np.int16])
@pytest.mark.parametrize("value", [-32768, -2000, 4095])
def test_padding_is_background(dtype: type, value: int) -> None:
    pixels = np.minimum(STORED, 4094).astype(dtype)
    pixels[:8] = np.array(value).astype(dtype)
    scan = dicom(pixels, PixelPaddingValue=int(pixels[0, 0]))
    assert (scan.pixels[0, :8] == pixels[8:].min()).all()
    assert np.array_equal(scan.pixels[0, 8:], pixels[8:])


def test_gzip_of_many_members(tmp_path: Path) -> None:
    content = nifti_image(VOLUME, AFFINE).to_bytes()
    for size in (100, 1000, 65_280):
        members = b"".join(gzip.compress(content[at : at + size]) for at in range(0, len(content), size))
        (tmp_path / "a.nii.gz").write_bytes(members)
        assert np.array_equal(read_scan(tmp_path / "a.nii.gz").pixels, nifti(nifti_image(VOLUME, AFFINE)).pixels)


@pytest.mark.parametrize("factor", [0.001, 1000])
def test_impossible_sizes_give_no_millimeters(factor: float) -> None:
    scan = nifti(nifti_image(VOLUME, AFFINE @ np.diag([factor, factor, factor, 1])))
    assert scan.spacing_mm is None
    assert "no head has" in scan.warnings[0]
    scan = dicom(PixelSpacing=[factor, factor])
    assert (scan.spacing_mm, "no head has" in scan.warnings[0]) == (None, True)


@pytest.mark.parametrize("padding", [0, 2000])
def test_a_code_stream_in_boxes_is_found_wherever_it_lies(padding: int) -> None:
    stream = b"\xff\x4f\xff\x51" + bytes(60)
    box = lambda kind, body: (len(body) + 8).to_bytes(4, "big") + kind + body  # noqa: E731
    boxed = box(b"jP  ", b"\r\n\x87\n") + box(b"free", bytes(padding)) + box(b"jp2c", stream)
    assert code_stream(boxed) == stream
    assert code_stream(stream) is stream


@pytest.mark.parametrize("modality", ["CT", "PT", "US", "XA", "OT", "NM"])
def test_another_modality_is_refused_by_name(modality: str) -> None:
    assert f"modality {modality}" in str(dicom(Modality=modality).refusal)
    assert dicom().refusal is None


@pytest.mark.parametrize(
    ("kind", "word"),
    [
        (["ORIGINAL", "PRIMARY", "M", "ND", "MOSAIC"], "mosaic"),
        (["DERIVED", "SECONDARY", "SCREEN SAVE"], "screenshot"),
        (["DERIVED", "PRIMARY", "FA", "COLOR"], "color map"),
    ],
)
def test_what_is_no_slice_is_refused_by_name(kind: list[str], word: str) -> None:
    assert word in str(dicom(ImageType=kind).refusal)


def test_a_localizer_is_said_to_be_one() -> None:
    scan = dicom(ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"])
    assert (scan.refusal, "localizer" in scan.warnings[0]) == (None, True)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_one_slice_in_any_plane(axis: int) -> None:
    shape = [64, 64, 64]
    shape[axis] = 1
    volume = np.arange(64 * 64, dtype=np.int16).reshape(shape)
    scan = nifti(nifti_image(volume, np.diag([-2.0, 2.0, 2.0, 1])))
    assert (scan.shape, scan.plane) == ((1, 64, 64), ("sagittal", "coronal", "axial")[axis])


def test_sizes_of_zero_are_no_sizes() -> None:
    scan = nifti(nifti_image(VOLUME, None), {80: bytes(12)})
    assert scan.spacing_mm is None
    assert any("no voxel size" in warning for warning in scan.warnings)


def test_a_mirrored_qform_leaves_left_and_right_in_doubt() -> None:
    image = nifti_image(VOLUME, AFFINE)
    image.set_qform(np.diag([2.0, 2.0, 5.0, 1.0]), 1)
    image.set_sform(AFFINE, 1)
    assert any("left and right are in doubt" in warning for warning in nifti(image).warnings)
    image.set_qform(AFFINE * [[1], [1], [2], [1]], 1)
    image.set_sform(AFFINE, 1)
    scan = nifti(image)
    assert (scan.spacing_mm, "size of a voxel" in scan.warnings[0]) == (None, True)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_thick_slices_are_shown_in_their_plane(axis: int) -> None:
    sizes = [1.0, 1.0, 1.0]
    shape = [60, 60, 60]
    sizes[axis], shape[axis] = 6.0, 20
    volume = np.arange(np.prod(shape), dtype=np.int32).reshape(shape)
    scan = nifti(nifti_image(volume, np.diag([*sizes, 1.0])))
    assert (scan.shape, scan.slice_mm) == ((20, 60, 60), 6.0)
    assert scan.plane == ("sagittal", "coronal", "axial")[axis]


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float32, np.float64])
def test_an_offset_inside_the_header_is_mended(dtype: type) -> None:
    image = nifti_image((VOLUME % 200).astype(dtype), AFFINE)
    right = nifti(image)
    wrong = nifti(image, {108: np.float32(0).tobytes()})
    assert np.array_equal(wrong.pixels, right.pixels)
    assert "inside its header" in wrong.warnings[0]


@pytest.mark.parametrize("syntax", [JPEG2000Lossless, JPEGLSLossless, RLELossless, None])
@pytest.mark.parametrize("bit", [12, 15])
def test_high_bits_never_reach_the_picture(syntax: str | None, bit: int) -> None:
    pixels = STORED.copy()
    pixels[10:20, 10:20] |= np.uint16(1 << bit)
    dataset = dicom_dataset(pixels)
    if syntax is not None:
        dataset.compress(syntax)
    dataset.BitsStored, dataset.HighBit = 12, 11
    scan = read_dicom(dicom_bytes(dataset), Source(format="dicom"))
    assert np.array_equal(scan.pixels[0], STORED)


@pytest.mark.parametrize("codes", [(0, 0), (1, 0), (0, 1), (2, 1)])
@pytest.mark.parametrize("start", ["LAS", "PSR", "RAS", "SPL", "IRA"])
def test_a_mask_goes_back_on_the_files_own_grid(start: str, codes: tuple[int, int]) -> None:
    ornt = nibabel.orientations.axcodes2ornt(start)
    turn = nibabel.orientations.ornt_transform(nibabel.orientations.axcodes2ornt("RAS"), ornt)
    image = nibabel.Nifti1Image(VOLUME, np.diag([2.0, 2.0, 5.0, 1.0])).as_reoriented(turn)
    image.set_sform(image.affine, codes[0])
    image.set_qform(image.affine, codes[1])
    image.header.set_xyzt_units("mm")
    image.header["descrip"] = b"Doe^Jane"
    content = image.to_bytes()
    scan = read_nifti(content, Source(format="nifti"))
    truth = np.asarray(image.dataobj) % 7 == 0
    assert scan.grid is not None
    written = gzip.decompress(mask_nifti(scan.pixels % 7 == 0, scan.grid))
    back = nibabel.Nifti1Image.from_bytes(written)
    assert np.array_equal(np.asarray(back.dataobj).astype(bool), truth)
    for field in ("pixdim", "sform_code", "qform_code", "srow_x", "srow_y", "srow_z", "quatern_b", "xyzt_units"):
        assert np.array_equal(back.header[field], nibabel.Nifti1Header(content[:348])[field]), field
    assert b"Doe" not in written


def test_memory_is_stated_before_anything_is_inflated() -> None:
    header = nibabel.Nifti1Header()
    header.set_data_dtype(np.float64)
    header.set_data_shape((600, 600, 600))
    header["vox_offset"], header["magic"] = 352, b"n+1"
    content = gzip.compress(header.binaryblock + bytes(4) + bytes(1000))
    with pytest.raises(LimitError, match="bytes"):
        read_nifti(content, Source(format="nifti"))
    with pytest.raises(LimitError, match="--memory"):
        read_nifti(nifti_image(VOLUME, AFFINE).to_bytes(), Source(format="nifti"), ReadRequest(memory=1000))


SIZES = {"ps_comma": (0.5, 0.4), "ps_st": (0.5, 0.4), "ps_ut": (0.5, 0.4), "ps_half": None}


@pytest.mark.parametrize("path", sorted(CASES.glob("*/*.*")) or [None], ids=lambda path: getattr(path, "name", "none"))
def test_every_kept_file_is_read_as_its_kind_asks(path: Path | None) -> None:
    if path is None:
        pytest.skip("data absent: the kept cases")
    scan, kind = read_scan(path), path.parent.name
    assert (scan.refusal is not None) == (kind in ("modality_ct_answered", "siemens_mosaic"))
    if path.stem in SIZES:
        assert scan.spacing_mm == SIZES[path.stem]
    if kind in ("implausible_spacing", "nifti_pixdim_zero", "tiff_float64_and_la16"):
        assert scan.spacing_mm is None
    if kind in ("nifti_nan_background", "nifti_qform_sform_mirror", "nifti_vox_offset_zero", "dicom_lut_unusable"):
        assert scan.warnings
    if kind in ("nifti_one_sagittal_slice", "nifti_thick_sagittal"):
        assert (scan.plane, scan.shape[1:]) == ("sagittal", (128, 128))


@pytest.mark.parametrize(
    ("kind", "first", "second"),
    [
        ("gzip_members", "plain.nii.gz", "members.nii.gz"),
        ("j2k_in_jp2_boxes", "near.dcm", "far.dcm"),
        ("overlay_bits_compressed", "plain.dcm", "j2k.dcm"),
        ("serve_mask_grid", "psr.nii", "psr.nii"),
    ],
)
def test_kept_twins_hold_the_same_picture(kind: str, first: str, second: str) -> None:
    assert np.array_equal(case(kind, first).pixels, case(kind, second).pixels)


def test_errors_stay_errors_of_the_house() -> None:
    dataset = dicom_dataset(STORED)
    dataset.PixelData = encapsulate([b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(40)])
    dataset["PixelData"].is_undefined_length = True
    dataset["PixelData"].VR = "OB"
    dataset.file_meta.TransferSyntaxUID = JPEG2000Lossless
    with pytest.raises(TumorlensError, match="damaged"):
        read_dicom(dicom_bytes(dataset), Source(format="dicom"))
