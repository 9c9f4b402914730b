"""The published collections that tumorlens knows, what was published of each, and how each is read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tumorlens.datasets.faults import Report, refuse
from tumorlens.datasets.figshare import TABLE, load_figshare, mat_files
from tumorlens.datasets.folders import load_folders
from tumorlens.datasets.lgg import load_lgg, patients_folder
from tumorlens.datasets.records import Collection
from tumorlens.datasets.slice_tables import load_brats, load_healthy, load_more, load_ms, slice_table
from tumorlens.errors import DatasetError
from tumorlens.labels import FOLDER_ALIASES, PART_ALIASES


@dataclass(frozen=True)
class Published:
    """What the publisher states.

    Attributes:
        images: number of images by published part, ``""`` where there are no parts.
        classes: number of images by label over all parts.
        groups: number of patients, or ``None`` where patients are unknown.
    """

    images: Mapping[str, int]
    classes: Mapping[str, int]
    groups: int | None = None


@dataclass(frozen=True)
class Entry:
    """One collection: what it is, under which licence, whom to cite, where it comes from, and its reader.

    Attributes:
        name: name in recipes, splits and commands.
        title: name that the publisher gave it.
        licence: as its publisher states it.
        url: page of the publisher.
        citation: whom to cite.
        folder: a name, beside ``name``, under which a folder of several collections may keep it.
        load: reads it from its root; faults go to the report.
        layout: what lies where, in words.
        published: the publisher's counts, or ``None`` where there are none.
        kaggle: handle of the data set at Kaggle, or ``None``.
        figshare: number of the article at figshare, or ``None``.
    """

    name: str
    title: str
    licence: str
    url: str
    citation: str
    folder: str
    load: Callable[[Path, Report], Collection] = field(repr=False)
    layout: str = ""
    published: Published | None = None
    kaggle: str | None = None
    figshare: int | None = None


_FOLDERS_LAYOUT = "Training/ and Testing/, each with the class folders {}, which hold JPEG pictures"

_TABLE_LAYOUT = (
    "images/, masks/ and metadata.csv with image, mask, patient, sequence, slice, tumor_px, core_px, pixel_spacing_mm"
)

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
            load=lambda root, report: load_folders("nickparvar", root, report),
            layout=_FOLDERS_LAYOUT.format("glioma, meningioma, notumor and pituitary"),
            published=Published(
                {"Training": 5712, "Testing": 1311},
                {"glioma": 1621, "meningioma": 1645, "pituitary": 1757, "no_tumor": 2000},
            ),
            kaggle="masoudnickparvar/brain-tumor-mri-dataset",
        ),
        Entry(
            name="sartaj",
            title="Brain Tumor Classification (MRI)",
            licence="MIT",
            url="https://www.kaggle.com/datasets/sartajbhuvaji/brain-tumor-classification-mri",
            citation="S. Bhuvaji et al., Brain Tumor Classification (MRI), Kaggle, doi:10.34740/kaggle/dsv/1183165",
            folder="sartaj-256",
            load=lambda root, report: load_folders("sartaj", root, report),
            layout=_FOLDERS_LAYOUT.format("glioma_tumor, meningioma_tumor, no_tumor and pituitary_tumor"),
            published=Published(
                {"Training": 2870, "Testing": 394},
                {"glioma": 926, "meningioma": 937, "pituitary": 901, "no_tumor": 500},
            ),
            kaggle="sartajbhuvaji/brain-tumor-classification-mri",
        ),
        Entry(
            name="figshare",
            title="Brain tumor dataset: T1 contrast-enhanced slices with tumor masks",
            licence="CC-BY-4.0",
            url="https://figshare.com/articles/dataset/brain_tumor_dataset/1512427",
            citation="J. Cheng et al., PLoS ONE 10(10):e0140381, 2015, doi:10.1371/journal.pone.0140381",
            folder="figshare-256",
            load=load_figshare,
            layout="1.mat to 3064.mat (MATLAB v7.3) in any folders, or images/, masks/ and metadata.csv with "
            "image,mask,label,group,pixel_spacing_mm",
            published=Published({"": 3064}, {"glioma": 1426, "meningioma": 708, "pituitary": 930}, groups=233),
            figshare=1512427,
        ),
        Entry(
            name="lgg",
            title="LGG MRI segmentation: FLAIR slices of lower-grade gliomas with tumor masks",
            licence="CC-BY-NC-SA-4.0",
            url="https://www.kaggle.com/datasets/mateuszbuda/lgg-mri-segmentation",
            citation="M. Buda et al., Computers in Biology and Medicine 109, 2019, "
            "doi:10.1016/j.compbiomed.2019.05.002",
            folder="lgg-256",
            load=load_lgg,
            layout="kaggle_3m/ with a folder TCGA_... for each patient, which holds TCGA_..._N.tif (channels "
            "pre-contrast, FLAIR, post-contrast) beside TCGA_..._N_mask.tif, and data.csv",
            published=Published({"": 3929}, {"glioma": 1373, "no_tumor": 2556}, groups=110),
            kaggle="mateuszbuda/lgg-mri-segmentation",
        ),
        Entry(
            name="brats",
            title="BraTS 2021: axial slices of gliomas in four sequences, skull-stripped, with masks",
            licence="CC-BY-4.0",
            url="https://doi.org/10.7937/jc8x-9874",
            citation="U. Baid et al., The RSNA-ASNR-MICCAI BraTS 2021 Benchmark, arXiv:2107.02314",
            folder="brats-slices",
            load=load_brats,
            layout=_TABLE_LAYOUT,
        ),
        Entry(
            name="more",
            title="Slices of many small open collections, with and without tumors",
            licence="CC0-1.0, PDDL-1.0, CC-BY-3.0 and CC-BY-4.0, by row",
            url="",
            citation="the collections that its table names",
            folder="more-slices",
            load=load_more,
            layout=_TABLE_LAYOUT + " and collection, licence",
        ),
        Entry(
            name="healthy",
            title="Alzheimer's Dataset (4 class of images): skull-stripped T1 slices without a tumor",
            licence="ODbL-1.0",
            url="https://www.kaggle.com/datasets/tourist55/alzheimers-dataset-4-class-of-images",
            citation="S. Dubey, Alzheimer's Dataset, Kaggle",
            folder="healthy-slices",
            load=load_healthy,
            layout="pictures NonDemented_*.jpg, MildDemented_*.jpg and so on",
        ),
        Entry(
            name="ms",
            title="open_ms_data: slices of patients with multiple sclerosis, without a tumor",
            licence="CC-BY-4.0",
            url="https://github.com/muschellij2/open_ms_data",
            citation="Z. Lesjak et al., Neuroinformatics 16, 2018, doi:10.1007/s12021-017-9348-7",
            folder="ms-slices",
            load=load_ms,
            layout="pictures patientNN_studyN_SEQUENCE_axN.jpg",
        ),
        Entry(
            name="folders",
            title="Your own folder of class folders",
            licence="yours",
            url="",
            citation="",
            folder="folders",
            load=lambda root, report: load_folders("folders", root, report),
            layout=f"class folders ({', '.join(FOLDER_ALIASES)}), alone or within parts ({', '.join(PART_ALIASES)})",
        ),
    )
}


def entry_of(name: str) -> Entry:
    """The entry of a collection.

    Raises:
        DatasetError: the name is unknown.
    """
    if name not in CATALOGUE:
        raise DatasetError(f"The collection '{name}' is not known; known are {', '.join(CATALOGUE)}.")
    return CATALOGUE[name]


def load_collection(name: str, root: Path, report: Report = refuse) -> Collection:
    """Read the collection ``name`` from ``root``, or from ``root/<its folder>`` where ``root`` holds several.

    Args:
        name: name in the catalogue.
        root: folder of the collection, or of several.
        report: what to do with a fault; by default the first one is raised.

    Raises:
        DatasetError: the name is unknown, or the folder does not have the collection's layout.
    """
    entry = entry_of(name)
    inner = (root / below for below in (entry.folder, entry.name))
    return entry.load(next((folder for folder in inner if folder.is_dir()), root), report)


def recognize(root: Path) -> str:
    """Name of the collection whose layout ``root`` has.

    Raises:
        DatasetError: there is no such folder, or it has the layout of none.
    """
    if not root.is_dir():
        raise DatasetError(f"There is no folder {root}: pass the folder that holds a collection.")
    if patients_folder(root) is not None:
        return "lgg"
    table = slice_table(root)
    if table is not None:
        return table
    if (root / TABLE).is_file() or mat_files(root):
        return "figshare"
    several = [entry.name for entry in CATALOGUE.values() if _holds(root, entry)]
    if several:
        raise DatasetError(f"{root} holds several collections ({', '.join(several)}): pass the folder of one of them.")
    collection = load_folders("folders", root, lambda fault: None)
    used = {record.path.parent.name for record in collection}
    if {record.id.partition("/")[0] for record in collection} == {"Training", "Testing"}:
        if used == {"glioma", "meningioma", "notumor", "pituitary"}:
            return "nickparvar"
        if used == {"glioma_tumor", "meningioma_tumor", "no_tumor", "pituitary_tumor"}:
            return "sartaj"
    return "folders"


def _holds(root: Path, entry: Entry) -> bool:
    return any((root / below).is_dir() for below in (entry.folder, entry.name))
