import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tumorlens.datasets.cache import ENTRY_FILE, ArraySpec, cached_arrays, cached_items, key_hash
from tumorlens.errors import OutputError

KEY = {"content": "abc", "size": [64, 64]}


def made(log: list[int] | None = None, value: int = 7) -> Callable[[], dict[str, Any]]:
    def make() -> dict[str, Any]:
        if log is not None:
            log.append(1)
        return {"images": np.full((3, 4), value, np.float16), "labels": np.arange(3)}

    return make


def entry_of(folder: Path) -> Path:
    (entry,) = (path for path in folder.iterdir() if not path.name.startswith("."))
    return entry


def test_second_time_nothing_is_made_and_the_arrays_are_read_only_maps(tmp_path: Path) -> None:
    log: list[int] = []
    for _ in range(2):
        arrays = cached_arrays(tmp_path / "new" / "cache", KEY, made(log))
        np.testing.assert_array_equal(arrays["images"], made()()["images"])
        assert isinstance(arrays["images"], np.memmap) and not arrays["images"].flags.writeable
        with pytest.raises(ValueError, match="read-only"):
            arrays["labels"][0] = 5
    assert log == [1]


def test_without_a_folder_nothing_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert cached_arrays(None, KEY, made())["images"][0, 0] == 7
    assert list(tmp_path.iterdir()) == []


def test_another_key_is_another_entry(tmp_path: Path) -> None:
    cached_arrays(tmp_path, KEY, made())
    other = cached_arrays(tmp_path, KEY | {"size": [32, 32]}, made(value=9))
    assert other["images"][0, 0] == 9
    assert cached_arrays(tmp_path, KEY, made(value=1))["images"][0, 0] == 7
    assert key_hash(KEY) == key_hash(dict(reversed(KEY.items()))) != key_hash(KEY | {"size": [32, 32]})


def truncate(entry: Path) -> None:
    path = entry / "images.npy"
    path.write_bytes(path.read_bytes()[:-2])


def flip(entry: Path) -> None:
    path = entry / "images.npy"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(bytes(content))


def other_key(entry: Path) -> None:
    document = json.loads((entry / ENTRY_FILE).read_text())
    document["key"]["content"] = "other"
    (entry / ENTRY_FILE).write_text(json.dumps(document))


FAULTS: dict[str, Callable[[Path], Any]] = {
    "truncated": truncate,
    "has changed": flip,
    "missing": lambda entry: (entry / "labels.npy").unlink(),
    "file is missing": lambda entry: (entry / ENTRY_FILE).unlink(),
    "is damaged": lambda entry: (entry / ENTRY_FILE).write_text('{"format": 1'),
    "entry.json is damaged": lambda entry: (entry / ENTRY_FILE).write_text("[]"),
    "other parameters": other_key,
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_stale_or_half_written_is_made_anew_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, fault: str
) -> None:
    cached_arrays(tmp_path, KEY, made())
    FAULTS[fault](entry_of(tmp_path))
    with caplog.at_level(logging.WARNING):
        again = cached_arrays(tmp_path, KEY, made(value=8))
    assert again["images"][0, 0] == 8 and len(again["labels"]) == 3
    assert "are made anew: " in caplog.text and fault in caplog.text
    caplog.clear()
    assert cached_arrays(tmp_path, KEY, made(value=1))["images"][0, 0] == 8
    assert not caplog.records
    assert [path.name[:7] for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_a_failure_while_making_leaves_nothing(tmp_path: Path) -> None:
    def fail() -> dict[str, Any]:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cached_arrays(tmp_path, KEY, fail)
    assert list(tmp_path.iterdir()) == []
    assert cached_arrays(tmp_path, KEY, made())["images"].shape == (3, 4)


def test_objects_are_never_pickled(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="allow_pickle=False"):
        cached_arrays(tmp_path, KEY, lambda: {"images": np.array([{"a": 1}])})
    assert list(tmp_path.iterdir()) == []


def test_another_process_may_have_made_it_meanwhile(tmp_path: Path) -> None:
    def make() -> dict[str, Any]:
        cached_arrays(tmp_path, KEY, made(value=3))
        return made(value=3)()

    assert cached_arrays(tmp_path, KEY, make)["images"][0, 0] == 3
    assert len(list(tmp_path.iterdir())) == 1


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"The cache '.*file' cannot be written .*another folder"):
        cached_arrays(tmp_path / "file", KEY, made())


@pytest.mark.parametrize("kept", [True, False])
def test_items_are_filled_one_by_one(tmp_path: Path, kept: bool) -> None:
    asked: list[int] = []

    def fill(index: int) -> dict[str, Any]:
        asked.append(index)
        return {"images": np.full((2, 2), index), "masks": np.full((2, 2), index % 2 == 1)}

    specs = {"images": ArraySpec((5, 2, 2), np.float16), "masks": ArraySpec((5, 2, 2), np.bool_)}
    for _ in range(2):
        arrays = cached_items(tmp_path if kept else None, KEY, specs, fill)
        assert arrays["images"][:, 0, 0].tolist() == [0, 1, 2, 3, 4]
        assert arrays["masks"].dtype == np.bool_ and arrays["masks"][3].all()
    assert asked == [0, 1, 2, 3, 4] * (1 if kept else 2)


def test_an_item_that_fails_leaves_no_half_entry(tmp_path: Path) -> None:
    def fill(index: int) -> dict[str, Any]:
        if index == 2:
            raise OutputError("broken")
        return {"images": np.ones(4)}

    with pytest.raises(OutputError, match="broken"):
        cached_items(tmp_path, KEY, {"images": ArraySpec((5, 4), np.float32)}, fill)
    assert list(tmp_path.iterdir()) == []


def test_arrays_must_have_equally_many_items(tmp_path: Path) -> None:
    specs = {"a": ArraySpec((5, 2), np.float32), "b": ArraySpec((4, 2), np.float32)}
    with pytest.raises(ValueError, match="equally many"):
        cached_items(tmp_path, KEY, specs, lambda index: {})


@settings(max_examples=25)
@given(
    array=hnp.arrays(
        st.sampled_from([np.float16, np.uint8, np.bool_, np.int64]), hnp.array_shapes(max_dims=3, min_side=0)
    )
)
def test_what_goes_in_comes_out(tmp_path_factory: pytest.TempPathFactory, array: Any) -> None:
    folder = tmp_path_factory.mktemp("cache")
    cached_arrays(folder, KEY, lambda: {"one": array})
    again = cached_arrays(folder, KEY, lambda: pytest.fail("it must be cached"))["one"]
    assert again.dtype == array.dtype and again.shape == array.shape
    np.testing.assert_array_equal(again, array)
