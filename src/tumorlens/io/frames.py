"""Stored pixels of a DICOM image, each compression by the decoder that survives damaged input."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tumorlens.errors import UnreadableFileError
from tumorlens.io.codestream import code_stream, frame_size

if TYPE_CHECKING:
    from pydicom.dataset import FileDataset

_BY_PLUGIN = {
    "1.2.840.10008.1.2.4.50": "pillow",  # JPEG baseline
    "1.2.840.10008.1.2.4.51": "pillow",  # JPEG extended
    "1.2.840.10008.1.2.4.80": "pyjpegls",
    "1.2.840.10008.1.2.4.81": "pyjpegls",
    "1.2.840.10008.1.2.4.90": "pylibjpeg",  # JPEG 2000, by OpenJPEG
    "1.2.840.10008.1.2.4.91": "pylibjpeg",
    "1.2.840.10008.1.2.4.201": "pylibjpeg",  # high-throughput JPEG 2000
    "1.2.840.10008.1.2.4.202": "pylibjpeg",
    "1.2.840.10008.1.2.4.203": "pylibjpeg",
    "1.2.840.10008.1.2.5": "pydicom",
}
_BY_GDCM = ("1.2.840.10008.1.2.4.51", "1.2.840.10008.1.2.4.57", "1.2.840.10008.1.2.4.70")  # 12-bit and lossless JPEG
_LITTLE = ("1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.1.99")
_RLE = "1.2.840.10008.1.2.5"
_PROGRAM = Path(__file__).with_name("gdcm_frame.py")
_SECONDS = 120
_PIXEL_ELEMENTS = (
    *("Rows", "Columns", "SamplesPerPixel", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation"),
    *("PhotometricInterpretation", "PlanarConfiguration"),
)


def stored_frames(dataset: FileDataset, numbers: Sequence[int]) -> Iterator[NDArray[Any]]:
    """Some frames of a multi-frame image as :func:`stored_pixels` gives them, in the order asked for.

    Raises:
        UnreadableFileError: the compression is not read, or a frame disagrees with the header or is damaged.
    """
    from pydicom.pixels.utils import iter_pixels

    frames = int(dataset.get("NumberOfFrames") or 1)
    if frames == 1:
        yield from (stored_pixels(dataset) for _ in numbers)
        return
    syntax = dataset.file_meta.TransferSyntaxUID
    if syntax.is_transfer_syntax and not syntax.is_private and not syntax.is_encapsulated:
        yield from iter_pixels(dataset, indices=list(numbers))
        return
    from pydicom.encaps import generate_frames

    found = list(generate_frames(dataset.PixelData, number_of_frames=frames))
    for number in numbers:
        yield stored_pixels(_alone(dataset, found[number]))


def _alone(dataset: FileDataset, frame: bytes) -> FileDataset:
    """A data set of the one frame, with the elements that its pixels need."""
    from pydicom.dataset import FileDataset as Kind
    from pydicom.dataset import FileMetaDataset
    from pydicom.encaps import encapsulate

    meta = FileMetaDataset()
    meta.TransferSyntaxUID = dataset.file_meta.TransferSyntaxUID
    single = Kind("", {}, file_meta=meta)
    for name in _PIXEL_ELEMENTS:
        if name in dataset:
            single[name] = dataset[name]
    single.add_new("PixelData", "OB", encapsulate([frame]))
    single["PixelData"].is_undefined_length = True
    return single


def stored_pixels(dataset: FileDataset) -> NDArray[Any]:
    """Pixels as stored, ``[rows, cols]``, or RGB ``[rows, cols, 3]`` for RGB and YBR images.

    Args:
        dataset: a single-frame image of checked size; a compressed one may have its pixels replaced by decoded ones.

    Raises:
        UnreadableFileError: the compression is not read, or the frame disagrees with the header or is damaged.
    """
    from pydicom.pixels.decoders.base import get_decoder
    from pydicom.pixels.utils import pixel_array

    syntax = dataset.file_meta.TransferSyntaxUID
    if not syntax.is_transfer_syntax or syntax.is_private:
        raise UnreadableFileError(
            "The pixels are stored by an unknown or private transfer syntax: export them uncompressed."
        )
    if not syntax.is_encapsulated:
        plain = _plain(dataset)
        return pixel_array(dataset) if plain is None else plain
    plugin = _BY_PLUGIN.get(syntax)
    if plugin == "pillow" and dataset.BitsStored > 8:
        plugin = None
    if plugin is not None and plugin in get_decoder(syntax).available_plugins:
        frame = _frame(dataset)
        _check_frame(frame, dataset)
        if (stream := code_stream(frame)) is not frame:
            dataset = _alone(dataset, stream)
        return pixel_array(dataset, decoding_plugin=plugin)
    if syntax in _BY_GDCM:
        _decode_apart(dataset)
        return pixel_array(dataset)
    raise UnreadableFileError(f"The pixels are stored as {syntax.name}, which is not read: export them uncompressed.")


def _plain(dataset: FileDataset) -> NDArray[Any] | None:
    """A grey frame of whole bytes in little endian, as it lies in the file; ``None`` for what needs a decoder.

    The decoder of pydicom copies a header into a machine of its own for each frame, which takes longer than the rest.
    """
    if dataset.file_meta.TransferSyntaxUID not in _LITTLE or "PixelData" not in dataset:
        return None
    bits, sign = dataset.get("BitsAllocated"), dataset.get("PixelRepresentation")
    if dataset.get("SamplesPerPixel") != 1 or bits not in (8, 16, 32) or sign not in (0, 1):
        return None
    if int(dataset.get("NumberOfFrames") or 1) != 1 or (bits == 8 and dataset["PixelData"].VR == "OW"):
        return None
    data, shape = dataset.PixelData, (int(dataset.Rows), int(dataset.Columns))
    size = shape[0] * shape[1] * bits // 8
    if not isinstance(data, bytes) or not size <= len(data) <= size + 1:
        return None
    return np.frombuffer(data, dtype=f"<{'i' if sign else 'u'}{bits // 8}", count=shape[0] * shape[1]).reshape(shape)


def _frame(dataset: FileDataset) -> bytes:
    from pydicom.encaps import generate_frames

    return next(generate_frames(dataset.PixelData, number_of_frames=1))


def _check_frame(frame: bytes, dataset: FileDataset) -> None:
    """Holds the size that a frame states against the header's, since decoders believe the frame."""
    if dataset.file_meta.TransferSyntaxUID == _RLE:
        return
    stated, rows, cols = frame_size(frame), int(dataset.Rows), int(dataset.Columns)
    if stated is None:
        raise UnreadableFileError("The compressed picture in this DICOM file is damaged: export it again.")
    if stated != (rows, cols):
        raise UnreadableFileError(
            f"The compressed picture in this DICOM file is {stated[0]:,} x {stated[1]:,} pixels and its header says "
            f"{rows:,} x {cols:,}: export it again."
        )


def _decode_apart(dataset: FileDataset) -> None:
    """Replaces a compressed frame by its pixels, decoded by GDCM in a process of its own."""
    from pydicom.uid import ExplicitVRLittleEndian

    found = importlib.util.find_spec("gdcm")
    if found is None or found.origin is None or not sys.executable:
        raise UnreadableFileError(
            "Lossless or 12-bit JPEG needs the package 'python-gdcm': install it, or export uncompressed."
        )
    frame = _frame(dataset)
    _check_frame(frame, dataset)
    elements: dict[str, Any] = {
        "rows": int(dataset.Rows),
        "columns": int(dataset.Columns),
        "samples": int(dataset.SamplesPerPixel),
        "bits_allocated": int(dataset.BitsAllocated),
        "bits_stored": int(dataset.BitsStored),
        "signed": int(dataset.PixelRepresentation),
        "photometric": str(dataset.PhotometricInterpretation),
        "syntax": str(dataset.file_meta.TransferSyntaxUID),
    }
    package = Path(found.origin).parent
    folder = package.parent if found.submodule_search_locations else package
    # -P: the folder of the program holds modules of ours whose names must not hide others.
    done = subprocess.run(
        [sys.executable, "-P", str(_PROGRAM), str(folder), json.dumps(elements)],
        input=frame,
        capture_output=True,
        timeout=_SECONDS,
        check=False,
    )
    size = elements["rows"] * elements["columns"] * elements["samples"] * elements["bits_allocated"] // 8
    if done.returncode != 0 or len(done.stdout) != size:
        raise UnreadableFileError("The compressed picture in this DICOM file is damaged: export it again.")
    del dataset.PixelData
    dataset.add_new("PixelData", "OW", done.stdout)
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    if elements["samples"] > 1:
        dataset.PlanarConfiguration = 0
