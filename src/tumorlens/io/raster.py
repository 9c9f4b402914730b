"""PNG, JPEG, BMP and TIFF pictures into grey float32 pixels, at the bit depth they are stored with."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tumorlens.errors import InputError, UnreadableFileError
from tumorlens.io.color import COLOR_WARNING, is_grey, luma
from tumorlens.io.decoding import guarded, hush
from tumorlens.io.limits import check_picture, checked_pixels
from tumorlens.io.png import check_whole, read_header
from tumorlens.io.request import ANY, ReadRequest
from tumorlens.scan import Scan, Source

if TYPE_CHECKING:
    from PIL.ImageFile import ImageFile

_NAMES = {"png": "a PNG picture", "jpeg": "a JPEG picture", "bmp": "a BMP picture", "tiff": "a TIFF picture"}
_BITS_PER_SAMPLE, _PHOTOMETRIC, _ORIENTATION, _EXTRA_SAMPLES, _SAMPLE_FORMAT = 258, 262, 274, 338, 339
_UNSIGNED, _SIGNED = 1, 2
_WIDE_GREY = ("I", "F", "I;16", "I;16L", "I;16B", "I;16N")


def read_raster(data: bytes, source: Source, request: ReadRequest = ANY) -> Scan:
    """Decodes a picture: color to luma, alpha onto black, EXIF orientation applied, values as stored.

    A picture never has a spacing: its DPI is a printing size and not a distance in the patient.

    Args:
        data: the file's bytes.
        source: path, digest and format of the file.

    Raises:
        UnreadableFileError: truncated, damaged, or a variant that is not read.
        LimitError: too small or too large; known from the header, before decoding.
        InputError: several pages, or a constant picture.
        InvalidScanError: NaN or infinite values in a float TIFF.
    """
    hush("PIL")
    pixels, colored = guarded(_NAMES[source.format], lambda: decode_picture(data, source.format))
    warnings = [COLOR_WARNING] if colored else []
    return Scan(checked_pixels(pixels, warnings), source=source, warnings=tuple(warnings))


def decode_picture(data: bytes, kind: str, page: int = 0) -> tuple[NDArray[Any], bool]:
    """Grey pixels ``[rows, cols]`` of a picture, or of a page of a TIFF, and whether it was in color."""
    header = read_header(data) if kind == "png" else None
    if header is not None:
        check_picture(header.rows, header.cols)
    picture = _open(data, kind)
    if page:
        picture.seek(page)
    check_picture(picture.size[1], picture.size[0])
    if kind != "tiff":
        _refuse_pages(picture)
    if header is not None:
        check_whole(data, header)
    picture.load()
    if _is_deep_color(picture, kind, header.bit_depth if header else 8):
        channels = _deep_channels(data)
        premultiplied = kind == "tiff" and _tiff_tag(picture, _EXTRA_SAMPLES, (0,))[0] == 1
    else:
        channels, premultiplied = _channels(picture, kind)
    pixels, colored = flatten(channels, premultiplied)
    # Of a TIFF, both decoders apply the orientation themselves, and Pillow forgets the tag once it has.
    return _oriented(pixels, picture.getexif().get(_ORIENTATION, 1)), colored


def _open(data: bytes, kind: str) -> ImageFile:
    # The plugins are called one by one: Image.open would try every format, and warns of bombs past our own limits.
    stream = io.BytesIO(data)
    if kind == "png":
        from PIL.PngImagePlugin import PngImageFile

        return PngImageFile(stream)
    if kind == "jpeg":
        from PIL.JpegImagePlugin import JpegImageFile

        return JpegImageFile(stream)
    if kind == "bmp":
        from PIL.BmpImagePlugin import BmpImageFile

        return BmpImageFile(stream)
    if data.startswith(b"MM\0+"):
        raise UnreadableFileError("This is a big-endian BigTIFF, which is not read: save it as an ordinary TIFF.")
    from PIL.TiffImagePlugin import TiffImageFile

    return TiffImageFile(stream)


def _refuse_pages(picture: ImageFile) -> None:
    pages = int(getattr(picture, "n_frames", 1))
    if pages > 1:
        raise InputError(
            f"This file holds {pages} pictures, and which one to read is not known: save one as a file of its own, "
            "or the stack as NIfTI, which keeps the spacing."
        )


def _tiff_tag(picture: ImageFile, tag: int, default: Any) -> Any:
    value = getattr(picture, "tag_v2").get(tag)  # noqa: B009
    return default if value is None else value


def _is_deep_color(picture: ImageFile, kind: str, png_bits: int) -> bool:
    """Whether Pillow has cut the picture's channels from 16 to 8 bits."""
    if picture.mode in _WIDE_GREY:
        return False
    if kind == "png":
        return png_bits == 16
    return kind == "tiff" and max(_tiff_tag(picture, _BITS_PER_SAMPLE, (8,))) > 8


def _deep_channels(data: bytes) -> NDArray[Any]:
    """Channels of a 16-bit color picture, ``[rows, cols, 1, 3 or 4]`` in the order R, G, B, A."""
    import cv2

    level = cv2.utils.logging.getLogLevel()
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    finally:
        cv2.utils.logging.setLogLevel(level)
    if decoded is None:
        raise UnreadableFileError("This 16-bit color picture cannot be decoded: save it as 8-bit color or as grey.")
    channels: NDArray[Any] = np.atleast_3d(decoded)
    if channels.shape[2] >= 3:
        channels = channels[:, :, [2, 1, 0, *range(3, channels.shape[2])]]
    return channels


def _channels(picture: ImageFile, kind: str) -> tuple[NDArray[Any], bool]:
    """Channels ``[rows, cols, 1 to 4]`` of a loaded picture, and whether alpha is already multiplied in."""
    mode, transparency = picture.mode, picture.info.get("transparency")
    if mode in _WIDE_GREY:
        grey = np.asarray(picture)
        if kind == "tiff" and mode.startswith("I;16") and _tiff_tag(picture, _PHOTOMETRIC, 1) == 0:
            grey = 65_535 - grey  # WhiteIsZero, which Pillow undoes at 8 bits only
        if kind == "tiff" and mode == "I" and _is_unsigned_32(picture):
            grey = grey.view(np.uint32)
        if isinstance(transparency, int):
            grey = np.where(grey == transparency, 0, grey)
        return grey[:, :, None], False
    if mode in ("La", "RGBa"):
        return np.asarray(picture), True
    if transparency is not None or mode == "PA":
        target = "LA" if mode in ("1", "L") else "RGBA"
    elif mode in ("1", "L"):
        target = "L"
    else:
        target = mode if mode in ("LA", "RGBA") else "RGB"
    array = np.asarray(picture if picture.mode == target else picture.convert(target))
    if kind == "tiff" and mode == "L" and _tiff_tag(picture, _SAMPLE_FORMAT, (_UNSIGNED,))[0] == _SIGNED:
        array = array.view(np.int8)
    return (array[:, :, None] if array.ndim == 2 else array), False


def _is_unsigned_32(picture: ImageFile) -> bool:
    """Whether Pillow shows unsigned 32-bit pixels as signed ones."""
    unsigned = _tiff_tag(picture, _SAMPLE_FORMAT, (_UNSIGNED,))[0] == _UNSIGNED
    return bool(unsigned and _tiff_tag(picture, _BITS_PER_SAMPLE, (1,))[0] == 32)


def flatten(channels: NDArray[Any], premultiplied: bool) -> tuple[NDArray[Any], bool]:
    """Grey pixels of channels ``[rows, cols, 1 to 4]`` over black, and whether they showed color."""
    count = channels.shape[2]
    if count == 1:
        return channels[:, :, 0], False
    colored = False
    if count >= 3:
        colored = not is_grey(channels[:, :, :3])
        grey = luma(channels[:, :, :3])
    else:
        grey = channels[:, :, 0].astype(np.float32)
    if count in (2, 4) and not premultiplied:
        top = np.iinfo(channels.dtype).max if channels.dtype.kind == "u" else 1
        grey = grey * (channels[:, :, count - 1].astype(np.float32) / np.float32(top))
    return grey, colored


def _oriented(pixels: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Pixels turned and mirrored as the EXIF orientation (1 to 8) asks; other values count as 1."""
    if orientation in (5, 6, 7, 8):
        pixels = pixels.T
    flips = {2: (1, -1), 3: (-1, -1), 4: (-1, 1), 6: (1, -1), 7: (-1, -1), 8: (-1, 1)}
    rows, cols = flips.get(orientation, (1, 1))
    return pixels[::rows, ::cols]
