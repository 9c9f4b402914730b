import numpy as np
import pytest
from answers import NAMES, made_outlines, made_predictions
from hypothesis import given
from hypothesis import strategies as st

from tumorlens.errors import InputError
from tumorlens.evaluation.predictions import Outlines, Predictions, read_predictions

pytestmark = pytest.mark.extra_eval


def test_a_table_survives_csv() -> None:
    before = made_predictions()
    after = Predictions.from_csv(before.to_csv())
    for name in ("ids", "classes", "groups", "paths"):
        assert getattr(after, name) == getattr(before, name)
    assert (after.truth == before.truth).all()
    assert (after.probabilities == before.probabilities).all()
    assert after.similarity is not None and (after.similarity == before.similarity).all()
    header = before.to_csv().decode().splitlines()[0].split(",")
    assert header == ["image", "path", "truth", "label", "group", "nearest_training_correlation", *NAMES]


def test_what_is_unknown_stays_unknown() -> None:
    after = Predictions.from_csv(made_predictions(known=False).to_csv())
    assert after.similarity is None and after.leak_free is None


def test_leak_free_is_at_most_095() -> None:
    table = made_predictions(4)
    table = Predictions(**{**vars(table), "similarity": np.array([0.95, 0.950001, 0.1, 1.0])})
    assert table.leak_free is not None and table.leak_free.tolist() == [True, False, True, False]


@given(st.lists(st.integers(0, 19), min_size=1, max_size=20, unique=True))
def test_subset_keeps_rows_together(rows: list[int]) -> None:
    table = made_predictions(20)
    part = table.subset(np.array(rows))
    assert part.ids == tuple(table.ids[one] for one in rows)
    assert (part.truth == table.truth[rows]).all() and (part.right == table.right[rows]).all()
    mask = np.zeros(20, dtype=bool)
    mask[rows] = True
    assert table.subset(mask).ids == tuple(table.ids[one] for one in sorted(rows))


def test_names_with_commas_quotes_and_lone_bytes_survive() -> None:
    table = made_predictions(1)
    table = Predictions(**{**vars(table), "ids": ('a,"b"\udcff.png',)})
    assert Predictions.from_csv(table.to_csv()).ids == table.ids


def test_a_table_of_an_older_run_is_read() -> None:
    old = b"image,truth,label,glioma,no_tumor,nearest_training_correlation\na.jpg,glioma,glioma,0.9,0.1,0.5\n"
    table = Predictions.from_csv(old)
    assert table.classes == ("glioma", "no_tumor") and table.groups == table.paths == ("a.jpg",)
    outlines = Outlines.from_csv(b"image,truth,group,area_px,predicted_area_px,dice\na.png,glioma,g,10,8,0.8\n")
    assert outlines.dice.tolist() == [0.8] and np.isnan(outlines.hd95).all() and outlines.unit == "px"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "lacks the column 'image'"),
        (b"image,truth,label,glioma,no_tumor\na,pear,glioma,1,0\n", "truth 'pear'"),
        (b"image,truth,label,glioma\na,glioma,glioma,1\n", "one column for each class"),
        (b"image,truth,label,glioma,no_tumor\na,glioma,glioma,much,0\n", "no number"),
    ],
)
def test_another_table_is_refused(data: bytes, words: str) -> None:
    with pytest.raises(InputError, match=words):
        Predictions.from_csv(data)


def test_columns_of_another_length_are_refused() -> None:
    with pytest.raises(ValueError, match="groups has 1 rows"):
        Predictions(**{**vars(made_predictions(4)), "groups": ("a",)})


@pytest.mark.parametrize("spacing", [0.5, None])
def test_outlines_survive_csv_and_become_figures(spacing: float | None) -> None:
    before = made_outlines(spacing=spacing)
    after = Outlines.from_csv(before.to_csv())
    for name in ("dice", "hd95", "sensitivity", "area_px", "spacing_mm"):
        assert np.allclose(getattr(after, name), getattr(before, name), equal_nan=True)
    one = after.figures()[1]
    assert one.unit == ("px" if spacing is None else "mm")
    assert one.true_area == pytest.approx(before.area_px[1] * (1 if spacing is None else spacing**2))
    empties = [one.empty for one in after.figures()]
    assert empties[9] == "truth" and empties[8] == "prediction" and after.figures()[9].hd95 is None


def test_areas_are_in_pixels_where_any_spacing_is_unknown() -> None:
    table = made_outlines(4)
    table.spacing_mm[0] = np.nan
    assert table.unit == "px" and (table.areas == table.area_px).all()
    assert table.figures()[1].hd95 is None


def test_the_kind_of_a_table_is_recognized(tmp_path) -> None:
    (tmp_path / "a.csv").write_bytes(made_predictions(3).to_csv())
    (tmp_path / "b.csv").write_bytes(made_outlines(3).to_csv())
    assert isinstance(read_predictions(tmp_path / "a.csv"), Predictions)
    assert isinstance(read_predictions(tmp_path / "b.csv"), Outlines)
    with pytest.raises(InputError, match="no readable table"):
        read_predictions(tmp_path / "c.csv")
