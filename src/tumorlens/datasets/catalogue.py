"""The published collections that tumorlens knows, and how each is read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tumorlens.datasets.figshare import load_figshare
from tumorlens.datasets.folders import load_folders
from tumorlens.datasets.records import Collection
from tumorlens.errors import DatasetError


@dataclass(frozen=True)
class Entry:
    """One collection: what it is, under which licence, whom to cite, and its reader.

    ``folder`` is the name under which a folder of several collections keeps it.
    """

    name: str
    title: str
    licence: str
    url: str
    citation: str
    folder: str
    load: Callable[[Path], Collection]


CATALOGUE: dict[str, Entry] = {
    entry.name: entry
    for entry in (
        Entry(
            name="nickparvar",
            title="Brain Tumor MRI Dataset (glioma, meningioma, pituitary, no tumor)",
            licence="CC0-1.0",
            url="https://www.kaggle.com/datasets/masoudnickparvar/brain-tumor-mri-dataset",
            citation="M. Nickparvar, Brain Tumor MRI Dataset, Kaggle, doi:10.34740/kaggle/dsv/2645886",
            folder="nickparvar-224",
            load=lambda root: load_folders("nickparvar", root),
        ),
        Entry(
            name="sartaj",
            title="Brain Tumor Classification (MRI)",
            licence="MIT",
            url="https://www.kaggle.com/datasets/sartajbhuvaji/brain-tumor-classification-mri",
            citation="S. Bhuvaji et al., Brain Tumor Classification (MRI), Kaggle, doi:10.34740/kaggle/dsv/1183165",
            folder="sartaj-256",
            load=lambda root: load_folders("sartaj", root),
        ),
        Entry(
            name="figshare",
            title="Brain tumor dataset: T1 contrast-enhanced slices with tumor masks",
            licence="CC-BY-4.0",
            url="https://figshare.com/articles/dataset/brain_tumor_dataset/1512427",
            citation="J. Cheng et al., PLoS ONE 10(10):e0140381, 2015, doi:10.1371/journal.pone.0140381",
            folder="figshare-256",
            load=load_figshare,
        ),
    )
}


def load_collection(name: str, root: Path) -> Collection:
    """Read the collection ``name`` from ``root``, or from ``root/<its folder>`` where ``root`` holds several.

    Raises:
        DatasetError: the name is unknown, or the folder does not have the collection's layout.
    """
    if name not in CATALOGUE:
        raise DatasetError(f"The collection '{name}' is not known; known are {', '.join(CATALOGUE)}.")
    entry = CATALOGUE[name]
    inner = root / entry.folder
    return entry.load(inner if inner.is_dir() else root)
