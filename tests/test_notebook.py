from __future__ import annotations

import datetime
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_models import write_reader

from tumorlens.errors import MissingExtraError
from tumorlens.io import encode_png
from tumorlens.phantoms import demo_phantoms

pytestmark = pytest.mark.extra_train

NOTEBOOK = Path(__file__).parents[1] / "docs" / "notebook.ipynb"


def upload(content: bytes, name: str = "head.png") -> tuple[dict[str, Any], ...]:
    now = datetime.datetime.now(datetime.UTC)
    return ({"name": name, "type": "image/png", "size": len(content), "content": content, "last_modified": now},)


@pytest.fixture
def widget() -> Any:
    from tumorlens.notebook import predict

    return predict()


@pytest.fixture(scope="module")
def head() -> bytes:
    return encode_png(np.rint(demo_phantoms()[1].pixels).clip(0, 255).astype(np.uint8))


def test_an_image_is_answered_with_class_probabilities_and_pictures(widget: Any, head: bytes) -> None:
    widget.upload.value = upload(head)
    widget.button.click()
    analysis = widget.analysis
    assert analysis is not None and analysis.message in widget.message.value
    assert len(re.findall(r"\d+\.\d %", widget.message.value)) == len(analysis.probabilities) == 4
    assert len(widget.pictures.children) == 2
    for box in widget.pictures.children:
        assert bytes(box.children[0].value).startswith(b"\x89PNG")
    assert "Research use, not a medical device." in widget.view.children[-1].value
    assert not widget.button.disabled


def test_a_missing_image_is_asked_for(widget: Any) -> None:
    widget.button.click()
    assert "Choose an image first" in widget.message.value and widget.analysis is None


@pytest.mark.parametrize("content", [b"", b"no picture", b"\x89PNG\r\n\x1a\n broken"])
def test_a_bad_image_is_answered_with_a_message_that_names_it(widget: Any, head: bytes, content: bytes) -> None:
    widget.upload.value = upload(head)
    widget.button.click()
    widget.upload.value = upload(content, "<i>holiday.png")
    widget.button.click()
    assert 'role="alert"' in widget.message.value
    assert "&lt;i&gt;holiday.png: This" in widget.message.value
    assert "<i>" not in widget.message.value and "/tmp" not in widget.message.value
    assert widget.analysis is None and widget.pictures.children == ()
    assert not widget.button.disabled


def test_what_the_gate_refuses_gets_the_refusal(widget: Any) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (200, 200)).astype(np.uint8)
    widget.upload.value = upload(encode_png(noise))
    widget.button.click()
    assert widget.analysis.status == "refused"
    assert "does not look like a slice of a brain MRI" in widget.message.value
    assert widget.pictures.children == () and "%" not in widget.message.value


def test_without_ipywidgets_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "tumorlens.notebook", raising=False)
    monkeypatch.setitem(sys.modules, "ipywidgets", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'tumorlens\[notebook\]'"):
        import tumorlens.notebook  # noqa: F401


@pytest.mark.timeout(280)
def test_the_example_notebook_runs_from_end_to_end(tmp_path: Path) -> None:
    import nbformat
    from nbclient import NotebookClient

    document = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(document)
    assert all(not cell.get("outputs") for cell in document.cells)
    check = "assert widget.analysis is not None and len(widget.pictures.children) == 2, widget.message.value"
    document.cells.append(nbformat.v4.new_code_cell(check))
    NotebookClient(document, timeout=240, kernel_name="python3", resources={"metadata": {"path": tmp_path}}).execute()
    shown = [output for cell in document.cells if cell.cell_type == "code" for output in cell.outputs]
    kinds = {kind for output in shown for kind in output.get("data", {})}
    assert "application/vnd.jupyter.widget-view+json" in kinds and "image/png" in kinds
    text = "".join(output.get("text", "") for output in shown)
    assert "glioma" in text and ("suspected" in text or "No tumor detected" in text)


@pytest.mark.parametrize(
    ("bias", "said", "silent"),
    [
        ({"tumor_logit": [-4.0]}, ["No tumor detected", "The model looked for glioma", "was not measured"], "unlike"),
        ({"tumor_logit": [-4.0], "unlike": [9.0]}, ["Cannot tell", "unlike those that the model"], "No tumor detected"),
        ({"kind_logits": [1.0, 0.9, 0.2]}, ["Tumor of uncertain kind suspected", "kind of this tumor"], "looked for"),
    ],
)
def test_no_answer_of_a_reader_is_an_all_clear(
    head: bytes, tmp_path: Path, bias: dict[str, list[float]], said: list[str], silent: str
) -> None:
    from tumorlens.inference import Analyzer
    from tumorlens.notebook import predict

    write_reader(tmp_path, bias=bias, rules={"unlike_threshold": 2.0})
    widget = predict(Analyzer(classifier=tmp_path, gate=False))
    widget.upload.value = upload(head)
    widget.button.click()
    shown = widget.message.value
    assert all(sentence in shown for sentence in said) and silent not in shown
    assert "green" not in shown and "color" not in shown and "✓" not in shown
    assert "How probable a tumor is" in widget.pictures.children[1].children[1].value
