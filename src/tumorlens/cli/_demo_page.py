"""The demo's page: one HTML file without scripts or requests, its pictures inside."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from html import escape
from importlib import resources
from string import Template
from typing import TYPE_CHECKING

from tumorlens._version import __version__
from tumorlens.cli._demo_compare import NOTABLE_PERCENT, Measure, percent, title_of
from tumorlens.labels import TumorClass
from tumorlens.notice import NOTICE
from tumorlens.shell import html_document, page_style

if TYPE_CHECKING:
    from tumorlens.cli.demo import Case
    from tumorlens.inference import Analysis, Manifest
    from tumorlens.inference.manifest import Metric

TEMPLATE = "_demo_page.html"
STYLE = "_demo_page.css"
PICTURE_SIZE = 512
SHOWN_METRICS = 3
_TASKS = {
    "gate": "Lets brain MRI in",
    "reading": "Finds, names and outlines",
    "classification": "Names the class",
    "segmentation": "Draws the outline",
}

_ABOUT = {
    TumorClass.GLIOMA: "An irregular tumor with a bright ring and a dark core, within the brain.",
    TumorClass.MENINGIOMA: "A round tumor that sits on the dura, under the skull.",
    TumorClass.PITUITARY: "A small tumor in the sella, seen in a coronal slice.",
    TumorClass.NO_TUMOR: "A head without a tumor.",
}


def render_page(cases: Sequence[Case], manifests: Sequence[Manifest], loading_s: float) -> str:
    """The whole page.

    Args:
        cases: phantoms with their answers.
        manifests: of the models that answered.
        loading_s: seconds that loading the models took.
    """
    template = Template(resources.files("tumorlens.cli").joinpath(TEMPLATE).read_text(encoding="utf-8"))
    per_scan = sum(_seconds(case.analysis) for case in cases) / len(cases)
    timing = (
        f"On this machine the models loaded in {1000 * loading_s:.0f} ms, and a scan was read, let in, answered and "
        f"measured in {1000 * per_scan:.0f} ms on average."
    )
    body = template.substitute(
        notice=escape(NOTICE),
        version=escape(__version__),
        timing=timing,
        ids=", ".join(f"<code>{escape(one.id)}</code>" for one in manifests),
        tiles=_tiles(cases, per_scan),
        jumps="\n".join(f'    <li><a href="#{_anchor(case)}">{_title(case)}</a></li>' for case in cases),
        cases="\n".join(_case(case) for case in cases),
        models="\n".join(_model(one) for one in manifests),
    )
    style = page_style("tumorlens.cli", STYLE)
    body = body.replace(" %", "\N{NO-BREAK SPACE}%")
    return html_document("tumorlens demo: four head phantoms", style, body, generator="tumorlens demo")


def _seconds(analysis: Analysis) -> float:
    return sum((analysis.timings or {}).values())


def _anchor(case: Case) -> str:
    return case.name.removesuffix(".png")


def _title(case: Case) -> str:
    return f"{title_of(case.phantom.label)} phantom"


def _tiles(cases: Sequence[Case], per_scan: float) -> str:
    right = sum(case.analysis.label == case.phantom.label for case in cases)
    overlaps = [case.comparison.dice for case in cases if case.comparison.dice is not None]
    areas = [case.comparison.measures[0].difference_percent for case in cases if case.comparison.measures]
    worst = max((one for one in areas if one is not None), key=abs, default=None)
    tiles = (
        (f"{right} of {len(cases)}", "classes right"),
        (f"{sum(overlaps) / len(overlaps):.2f}" if overlaps else "none", "mean Dice, 1 is perfect"),
        ("none" if worst is None else _signed(worst), "largest error of an area"),
        (f"{1000 * per_scan:.0f} ms", "per scan, on this machine"),
    )
    return "\n".join(f"    <div><dt>{name}</dt><dd>{value}</dd></div>" for value, name in tiles)


def _case(case: Case) -> str:
    rows, cols = case.phantom.pixels.shape
    verdict = case.comparison.verdict
    about = (
        f"{_ABOUT[case.phantom.label]} {rows} × {cols} pixels, spacing {case.phantom.spacing_mm[0]:g} × "
        f"{case.phantom.spacing_mm[1]:g} mm. Answered in {1000 * _seconds(case.analysis):.0f} ms."
    )
    return f"""\
  <section class="card case" id="{_anchor(case)}">
    <div class="top">
      <h2>{_title(case)}</h2>
      <span class="chip {verdict.kind}">{verdict.heading}</span>
    </div>
    <p class="verdict">{escape(verdict.sentence)}</p>
{_notes(case)}
    <p class="small soft">{about}</p>
    <div class="pictures">
{_pictures(case)}
    </div>
    <div class="numbers">
      <div>
{_probabilities(case)}
      </div>
      <div>
{_geometry(case)}
      </div>
    </div>
    <p class="small soft foot">Files: {_links(case)}</p>
  </section>"""


def _notes(case: Case) -> str:
    """What the answer says of itself: what remains possible, and what was looked for where nothing was found."""
    said = (case.analysis.trust, case.analysis.looked_for)
    return "\n".join(f'    <p class="small">{escape(one)}</p>' for one in said if one is not None)


def _map_words(case: Case) -> tuple[str, str]:
    """Name of the map, and what it shows."""
    if case.analysis.findings is not None:
        return "Tumor map", "how probable a tumor is at each point"
    return "Activation map", f"what spoke for {title_of(case.analysis.label).lower()}"


def _pictures(case: Case) -> str:
    pictures, (map_name, map_shows) = case.pictures, _map_words(case)
    title, found = _title(case), bool(case.analysis.regions)
    mask_caption = "White is what was found, amber is the true edge." if case.phantom.outline else "What was found."
    legend = '<span class="scale" aria-hidden="true">weak <i></i> strong</span>'
    edge = "the outline found, in green" if found else "no outline, as none was found"
    return "\n".join(
        (
            _figure(pictures.scan, f"{title}, a drawn slice of a head in gray", "Input", "What the models were given."),
            _figure(
                pictures.overlay,
                f"{title} with {edge}",
                "Overlay",
                "The outline found, in green." if found else "Nothing was outlined.",
            ),
            _figure(
                pictures.mask,
                f"{title}: mask found in white" + (", true outline in amber" if case.phantom.outline else ""),
                "Mask and truth",
                mask_caption,
                "No tumor in the phantom and none found, so there is no mask.",
            ),
            _figure(
                pictures.heat,
                f"{title} with colors on {map_shows}",
                map_name,
                f"{escape(map_shows[:1].upper() + map_shows[1:])}.{legend}",
                "This model gives no such map.",
            ),
        )
    )


def _figure(picture: bytes | None, alt: str, name: str, caption: str, without: str = "") -> str:
    if picture is None:
        return (
            f'      <figure><div class="nothing">{escape(without)}</div><figcaption><b>{name}</b></figcaption></figure>'
        )
    source = f"data:image/png;base64,{base64.b64encode(picture).decode()}"
    image = f'<img src="{source}" alt="{escape(alt)}" width="{PICTURE_SIZE}" height="{PICTURE_SIZE}">'
    return f"      <figure>{image}<figcaption><b>{name}</b>{caption}</figcaption></figure>"


def _probabilities(case: Case) -> str:
    lines = []
    for label, value in case.analysis.probabilities.items():
        marked = ' class="answer"' if label == case.analysis.label else ""
        bar = f'<span class="bar"><i style="--share:{100 * value:.2f}%"></i></span>'
        lines.append(
            f'          <tr{marked}><th scope="row">{escape(title_of(label))}</th>'
            f'<td aria-hidden="true">{bar}</td><td>{escape(percent(value))}</td></tr>'
        )
    body = "\n".join(lines)
    return f"""\
        <h3 id="{_anchor(case)}-p">Probabilities</h3>
        <table class="bars" aria-labelledby="{_anchor(case)}-p">
          <thead><tr><th scope="col">Class</th><td aria-hidden="true"></td><th scope="col">Probability</th></tr></thead>
          <tbody>
{body}
          </tbody>
        </table>"""


def _geometry(case: Case) -> str:
    comparison = case.comparison
    heading = f'        <h3 id="{_anchor(case)}-g">Measured against the true geometry</h3>'
    if not comparison.measures:
        return f'{heading}\n        <p class="soft">Nothing to measure: there is no tumor, and none was outlined.</p>'
    lines = "\n".join(f"          {_line(one)}" for one in comparison.measures)
    overlap = "none" if comparison.dice is None else f"{comparison.dice:.3f}"
    notes = []
    if comparison.regions > 1:
        notes.append(f"{comparison.regions} regions were outlined: the area is of all, the rest of the largest.")
    if comparison.ruler_percent is not None:
        notes.append(
            "The ruler alone: measured on the true mask, without a model, no line is more than "
            f"{comparison.ruler_percent:.1f} % off."
        )
    note = f'\n        <p class="small soft note">{" ".join(notes)}</p>' if notes else ""
    return f"""\
{heading}
        <table aria-labelledby="{_anchor(case)}-g">
          <thead><tr><th scope="col">Measure</th><th scope="col">True</th><th scope="col">Measured</th>\
<th scope="col">Difference</th></tr></thead>
          <tbody>
{lines}
          <tr><th scope="row">Dice overlap</th><td>1</td><td>{overlap}</td><td></td></tr>
          </tbody>
        </table>{note}"""


def _line(one: Measure) -> str:
    digits = {"mm²": 0, "mm": 1}.get(one.unit, 3)
    unit = f' <span class="unit">{one.unit}</span>' if one.unit else ""
    true, measured = (
        '<span class="unit">none</span>' if value is None else f"{value:.{digits}f}"
        for value in (one.true, one.measured)
    )
    change = one.difference_percent
    off = ' class="off"' if change is not None and abs(change) >= NOTABLE_PERCENT else ""
    difference = "" if change is None else _signed(change)
    return f'<tr><th scope="row">{one.name}{unit}</th><td>{true}</td><td>{measured}</td><td{off}>{difference}</td></tr>'


def _signed(value: float) -> str:
    """A difference such as ``"+1.2 %"``, with a true minus sign."""
    text = f"{abs(value):.1f}"
    sign = "" if float(text) == 0 else "\N{MINUS SIGN}" if value < 0 else "+"
    return f"{sign}{text} %"


def _links(case: Case) -> str:
    endings = ["", ".json", ".overlay.png", *([".mask.png"] if case.analysis.mask is not None else [])]
    return ", ".join(f'<a href="{case.name}{ending}">{ending or case.name}</a>' for ending in endings)


def _model(manifest: Manifest) -> str:
    task = _TASKS[manifest.task]
    metrics = "".join(f"<li>{_metric(one)}</li>" for one in manifest.metrics[:SHOWN_METRICS])
    shown = f"<ul>{metrics}</ul>" if metrics else "none stated in the manifest"
    training = manifest.training
    data = f"{training.collection}, {training.images:,} images ({training.data_licence})"
    if training.phantoms:
        data += f", and {training.phantoms:,} phantoms of other seeds"
    entries = (
        ("Id", f"<code>{escape(manifest.id)}</code>"),
        ("sha256", f"<code>{manifest.sha256[:16]}…</code>"),
        ("Figures", shown),
        ("Trained on", escape(data)),
        ("License", escape(manifest.licence)),
    )
    listed = "\n".join(f"        <dt>{name}</dt><dd>{value}</dd>" for name, value in entries)
    return f"""\
      <article class="card model">
        <h3>{task}</h3>
        <p class="small soft">{escape(manifest.title)}</p>
        <dl>
{listed}
        </dl>
      </article>"""


def _metric(one: Metric) -> str:
    name = one.name.replace("_", " ")
    return (
        f"<strong>{escape(name)} {one.value:.3f}</strong> ({one.low:.3f} to {one.high:.3f}), "
        f'<span class="soft">{escape(one.data)}, {one.images:,} images</span>'
    )
