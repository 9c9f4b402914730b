"""Read a DICOM series of 155 files into a scan beside nibabel's reading of the same voxels, and print the ratio.

    python benchmarks/series.py [--rounds 9] [--target 1.5]

The voxels are a made head of 240 x 240 x 155 in air, signed 16 bits: noise throughout would be slow to inflate, and so
flatter DICOM. The headers have 120 elements, as scanners write. Both readings end in an array of all voxels; ours also
sorts the files, checks their geometry and takes their SHA-256. Each round measures one and then the other, with the
files in the system's cache, and medians are compared. Exit status 1 where the target is missed.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
import pydicom
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage, generate_uid

from tumorlens.io import read_scan
from tumorlens.io.series import read_series

FILES, SIDE = 155, 240


def head() -> np.ndarray:
    """A noisy ellipsoid in air, ``[slices, rows, cols]`` int16."""
    across, rows, cols = np.ogrid[-1:1:155j, -1:1:240j, -1:1:240j]
    inside = across**2 + (rows / 0.8) ** 2 + (cols / 0.65) ** 2 < 0.9
    noise = np.random.default_rng(0).normal(600, 120, (FILES, SIDE, SIDE))
    return np.where(inside, noise, 0).astype(np.int16)


def write(folder: Path, volume: np.ndarray) -> list[Path]:
    """One file for each slice."""
    uid, study, paths = generate_uid(), generate_uid(), []
    for number, pixels in enumerate(volume):
        meta = FileMetaDataset()
        meta.TransferSyntaxUID, meta.MediaStorageSOPClassUID = ExplicitVRLittleEndian, MRImageStorage
        meta.MediaStorageSOPInstanceUID = generate_uid()
        dataset = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
        dataset.SOPClassUID, dataset.SOPInstanceUID = MRImageStorage, meta.MediaStorageSOPInstanceUID
        dataset.Modality, dataset.ImageType = "MR", ["ORIGINAL", "PRIMARY", "M", "ND"]
        dataset.SeriesInstanceUID, dataset.SeriesNumber, dataset.InstanceNumber = uid, 3, number + 1
        dataset.StudyInstanceUID, dataset.PatientID, dataset.EchoTime = study, "made", 90
        dataset.ImagePositionPatient, dataset.ImageOrientationPatient = [0, 0, float(number)], [1, 0, 0, 0, 1, 0]
        dataset.PixelSpacing, dataset.Rows, dataset.Columns = [1, 1], SIDE, SIDE
        dataset.BitsAllocated = dataset.BitsStored = 16
        dataset.HighBit, dataset.PixelRepresentation, dataset.SamplesPerPixel = 15, 1, 1
        dataset.PhotometricInterpretation, dataset.PixelData = "MONOCHROME2", pixels.tobytes()
        block = dataset.private_block(0x0019, "MADE", create=True)
        for element in range(90):
            block.add_new(element, "DS", f"{element}.5")
        paths.append(folder / f"{number:03}.dcm")
        pydicom.dcmwrite(paths[-1], dataset, enforce_file_format=True)
    return paths


def seconds(work: Callable[[], object]) -> float:
    """Wall time of one call."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def main() -> int:
    """Measure, print, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--target", type=float, default=1.5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "series"
        folder.mkdir()
        volume = head()
        paths, packed = write(folder, volume), Path(name) / "volume.nii.gz"
        nibabel.save(nibabel.Nifti1Image(volume.transpose(2, 1, 0), np.eye(4)), packed)
        works: dict[str, Callable[[], object]] = {
            "nibabel, .nii.gz": lambda: np.asarray(nibabel.load(packed).dataobj),
            "tumorlens, .nii.gz": lambda: read_scan(packed),
            "tumorlens, the files of the series": lambda: read_series(paths),
            "tumorlens, the folder (grouped by header first)": lambda: read_scan(folder),
        }
        assert np.array_equal(np.sort(read_series(paths).pixels, axis=None), np.sort(volume, axis=None))
        times: dict[str, list[float]] = {title: [] for title in works}
        for _ in range(options.rounds + 1):  # the first warms up
            for title, work in works.items():
                times[title].append(seconds(work))
    medians = {title: statistics.median(values[1:]) for title, values in times.items()}
    base = medians["nibabel, .nii.gz"]
    for title, median in medians.items():
        print(f"{median * 1000:8.1f} ms  {median / base:5.2f} x  {title}")
    return int(medians["tumorlens, the files of the series"] / base > options.target)


if __name__ == "__main__":
    sys.exit(main())
