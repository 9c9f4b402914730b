"""The image and the mask of a record, however its collection stores them: the single way in for all that follows."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from tumorlens.datasets.records import Record
from tumorlens.errors import DatasetError, InputError, UnreadableFileError
from tumorlens.io import read_cjdata, read_scan
from tumorlens.scan import Scan, Slice, Source

MATLAB_SUFFIX = ".mat"


def read_record(record: Record) -> Slice:
    """The picture of a record as a slice: the channel that is the picture, and the spacing that the collection states.

    Unlike :func:`tumorlens.io.read_scan` this accepts a constant channel, for published volumes end in empty slices.

    Raises:
        UnreadableFileError: the file is missing, damaged or of an unknown format, or has no such channel.
        InputError: it is a volume, or any other refusal of :func:`tumorlens.io.read_scan`; the sentence begins with
            the file's path.
    """
    if record.channel is not None:
        scan = Scan(_channel(record.path, record.channel), source=_source(record.path))
    else:
        try:
            scan = read_scan(record.path)
        except InputError as error:
            raise type(error)(f"{record.path}: {error}") from error
    if len(scan.pixels) > 1:
        raise InputError(
            f"{record.path} is a volume of {len(scan.pixels)} slices: save each slice as a file of its own."
        )
    flat = scan.slice(0)
    return flat if record.spacing_mm is None else flat.with_spacing(record.spacing_mm)


def read_record_mask(record: Record, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Tumor mask of a record, bool ``[rows, cols]``.

    Args:
        record: the record.
        shape: shape of its image, which the mask must share.

    Raises:
        DatasetError: the record has no mask, or one that cannot be read or has another shape.
    """
    if record.mask is None:
        raise DatasetError(f"{record.id} has no mask: segmentation needs one for every image.")
    mask = read_mask_file(record.mask, record.mask_values)
    if mask is None or mask.shape != shape:
        found = "cannot be read" if mask is None else f"has shape {mask.shape}"
        raise DatasetError(f"The mask {record.mask} {found}, and its image has shape {shape}.")
    return mask


def read_mask_file(path: Path, values: tuple[int, ...] | None = None) -> NDArray[np.bool_] | None:
    """Mask in a picture or in a figshare ``.mat`` file; ``None`` if it cannot be read.

    Of a picture it is what has one of ``values``, or lies above half of white where there are none.
    """
    if path.suffix.lower() == MATLAB_SUFFIX:
        try:
            return read_cjdata(path).tumor_mask
        except InputError:
            return None
    grey = _decoded(path, cv2.IMREAD_GRAYSCALE)
    if grey is None:
        return None
    return np.asarray(grey > 127 if values is None else np.isin(grey, values))


def grey_picture(record: Record) -> NDArray[np.uint8]:
    """A record's picture as 8-bit grey, ``[rows, cols]``; values past 8 bits are scaled by their largest.

    Raises:
        UnreadableFileError: it cannot be read.
    """
    pixels = read_record(record).pixels
    top = float(pixels.max(initial=0))
    scaled = pixels * (255.0 / top) if top > 255 else pixels
    return np.asarray(np.rint(scaled).clip(0, 255), dtype=np.uint8)


def content_hash(records: Iterable[Record], *, with_masks: bool) -> str:
    """Hex SHA-256 over ids, labels and the bytes of every file: what a cache of prepared arrays is keyed by.

    Raises:
        UnreadableFileError: a file is missing or cannot be opened.
    """
    total = hashlib.sha256()
    for record in records:
        values = "" if record.mask_values is None else f"{record.mask_values}\0"
        total.update(f"{record.id}\0{record.label}\0{record.channel}\0{values}".encode())
        for path in (record.path, record.mask) if with_masks and record.mask != record.path else (record.path,):
            if path is not None:
                total.update(hashlib.sha256(_bytes(path)).digest())
    return total.hexdigest()


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UnreadableFileError(f"{path} cannot be opened ({error.strerror}): check the collection.") from error


def _source(path: Path) -> Source:
    return Source(path=str(path), sha256=hashlib.sha256(_bytes(path)).hexdigest(), format="tiff")


def _channel(path: Path, channel: int) -> NDArray[np.float32]:
    picture = _decoded(path, cv2.IMREAD_UNCHANGED)
    if picture is None:
        raise UnreadableFileError(f"{path} cannot be decoded as a picture: download it again.")
    if picture.ndim != 3 or picture.shape[2] <= channel:
        count = 1 if picture.ndim == 2 else picture.shape[2]
        raise UnreadableFileError(f"{path} has {count} channels, and channel {channel} was asked for.")
    # OpenCV hands out blue, green, red: turn them back into the order of the file.
    order = [2, 1, 0, *range(3, picture.shape[2])]
    return np.asarray(picture[:, :, order[channel]], dtype=np.float32)


def _decoded(path: Path, flags: int) -> NDArray[np.uint8] | None:
    try:
        data = np.fromfile(path, dtype=np.uint8)
    except OSError:
        return None
    if not data.size:
        return None
    level = cv2.utils.logging.getLogLevel()
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        picture = cv2.imdecode(data, flags)
    except cv2.error:
        return None
    finally:
        cv2.utils.logging.setLogLevel(level)
    return None if picture is None else np.asarray(picture)
