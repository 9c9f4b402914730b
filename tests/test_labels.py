from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tumorlens import CLASSES, TumorClass
from tumorlens.labels import FOLDER_ALIASES, class_of_folder


def test_order_of_classes_is_fixed() -> None:
    assert CLASSES == ("glioma", "meningioma", "pituitary", "no_tumor")
    assert tuple(TumorClass) == CLASSES


def test_classes_are_strings() -> None:
    assert TumorClass("glioma") is TumorClass.GLIOMA
    assert f"{TumorClass.NO_TUMOR}" == "no_tumor"


def test_every_class_has_a_title_of_its_own() -> None:
    titles = [one.title_text for one in CLASSES]
    assert len(set(titles)) == len(CLASSES)
    assert TumorClass.PITUITARY.title_text == "Pituitary tumor"


@pytest.mark.parametrize(
    ("folder", "expected"),
    [
        ("glioma", TumorClass.GLIOMA),
        ("Glioma_Tumor", TumorClass.GLIOMA),
        ("meningioma-tumor", TumorClass.MENINGIOMA),
        ("pituitary tumor", TumorClass.PITUITARY),
        ("notumor", TumorClass.NO_TUMOR),
        ("no_tumor", TumorClass.NO_TUMOR),
        (" No Tumor ", TumorClass.NO_TUMOR),
    ],
)
def test_folders_of_the_published_collections(folder: str, expected: TumorClass) -> None:
    assert class_of_folder(folder) is expected


@given(st.text(max_size=30))
def test_unknown_folder_has_no_class(name: str) -> None:
    known = class_of_folder(name)
    spelled = name.strip().lower().replace("-", "_").replace(" ", "_")
    assert (known is not None) == (spelled in FOLDER_ALIASES)


def test_each_class_has_its_own_name_as_alias() -> None:
    assert all(class_of_folder(one) is one for one in CLASSES)
