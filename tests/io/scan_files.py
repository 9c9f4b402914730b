"""Makers of small files for the tests of reading."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import h5py
import nibabel
import numpy as np
import pydicom
from numpy.typing import NDArray
from PIL import Image
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import UID, ExplicitVRLittleEndian, MRImageStorage, generate_uid

SECRET = "Doe^Secret^Jane"


def ramp(rows: int = 24, cols: int = 32, dtype: Any = np.uint8) -> NDArray[Any]:
    """Pixels that are all different along both axes, so that a flip or a transposition shows."""
    top = np.iinfo(dtype).max if np.dtype(dtype).kind in "iu" else 1000
    values = np.arange(rows * cols, dtype=np.float64).reshape(rows, cols)
    return (values / values.max() * top).astype(dtype)


def pillow_bytes(array: NDArray[Any] | Image.Image, kind: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    (array if isinstance(array, Image.Image) else Image.fromarray(array)).save(stream, kind, **options)
    return stream.getvalue()


def png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def raw_png(rows: int, cols: int, depth: int, color: int, scanlines: bytes) -> bytes:
    """A PNG file made by hand, whose header and pixels need not fit each other."""
    header = struct.pack(">IIBBBBB", cols, rows, depth, color, 0, 0, 0)
    body = png_chunk(b"IHDR", header) + png_chunk(b"IDAT", zlib.compress(scanlines)) + png_chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def dicom_dataset(pixels: NDArray[Any], **elements: Any) -> FileDataset:
    """An uncompressed MR image that also carries a patient's name; ``elements`` are set, or removed for ``None``."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = MRImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid()
    dataset = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    dataset.SOPClassUID, dataset.SOPInstanceUID = MRImageStorage, meta.MediaStorageSOPInstanceUID
    dataset.PatientName, dataset.PatientID, dataset.Modality = SECRET, "ID-4711", "MR"
    dataset.Rows, dataset.Columns = pixels.shape[:2]
    bits = pixels.dtype.itemsize * 8
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = bits, bits, bits - 1
    dataset.PixelRepresentation = int(pixels.dtype.kind == "i")
    dataset.SamplesPerPixel = 1 if pixels.ndim == 2 else pixels.shape[2]
    dataset.PhotometricInterpretation = "MONOCHROME2" if pixels.ndim == 2 else "RGB"
    if pixels.ndim == 3:
        dataset.PlanarConfiguration = 0
    dataset.PixelData = pixels.tobytes()
    for name, value in elements.items():
        if value is None:
            delattr(dataset, name)
        else:
            setattr(dataset, name, value)
    return dataset


def dicom_bytes(dataset: FileDataset) -> bytes:
    stream = io.BytesIO()
    pydicom.dcmwrite(stream, dataset, enforce_file_format=True)
    return stream.getvalue()


def encapsulated(dataset: FileDataset, frame: bytes, syntax: UID) -> bytes:
    """The data set with ``frame``, compressed elsewhere, in the place of its pixels."""
    dataset.PixelData = encapsulate([frame])
    dataset["PixelData"].is_undefined_length = True
    dataset["PixelData"].VR = "OB"
    dataset.file_meta.TransferSyntaxUID = syntax
    return dicom_bytes(dataset)


def nifti_image(volume: NDArray[Any], affine: NDArray[Any], unit: str = "mm", version: int = 1) -> Any:
    image = (nibabel.Nifti1Image if version == 1 else nibabel.Nifti2Image)(volume, affine)
    image.header.set_xyzt_units(unit, "sec")
    return image


def write_cjdata(path: Path, image: NDArray[Any], pid: str = "100360", **fields: Any) -> Path:
    """A file as MATLAB writes it: 512 bytes of its own before HDF5, matrices transposed, text as codes."""
    mask = fields.get("mask", np.zeros(image.shape, np.uint8))
    with h5py.File(path, "w", userblock_size=512) as file:
        group = file.create_group("cjdata")
        group["PID"] = np.array([[ord(letter)] for letter in pid], dtype=np.uint16)
        group["image"] = image.T
        group["label"] = np.array([[fields.get("label", 2.0)]])
        group["tumorBorder"] = np.array([[10.0, 20.0, 30.0, 40.0]])
        group["tumorMask"] = mask.T
    content = bytearray(path.read_bytes())
    content[:10] = b"MATLAB 7.3"
    path.write_bytes(content)
    return path
