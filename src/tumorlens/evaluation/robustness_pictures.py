"""Worst cases of a robustness report: a scan as it is beside the corrupted one, with both answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tumorlens.errors import TumorlensError
from tumorlens.evaluation.corruptions import Corruption
from tumorlens.evaluation.pictures import ANSWER_COLOR, TRUTH_COLOR, contoured, grey_picture
from tumorlens.evaluation.predict import read_slice, read_truth
from tumorlens.evaluation.robustness_answers import Answers, Collected, corrupted_slices
from tumorlens.inference.opening import open_session
from tumorlens.inference.segmenter import Segmenter
from tumorlens.io.overlay import encode_png

MOST = 12
MODERATE = 3
"""Cases come from this strength or below where there are any, for what is hardly to be seen says little."""


@dataclass(frozen=True, eq=False)
class WorstCase:
    """One image whose answer a corruption spoiled.

    Attributes:
        image: its id.
        corruption: name of the corruption.
        words: that for people.
        truth: what the image shows, for people.
        before: the answer to the image as it is.
        after: the answer to the corrupted image.
        loss: how much was lost, to order cases by: the confidence in the wrong answer, or the loss of Dice.
        clean_png: the image as it is.
        corrupted_png: the image as it was answered.
    """

    image: str
    corruption: str
    words: str
    truth: str
    before: str
    after: str
    loss: float
    clean_png: bytes
    corrupted_png: bytes


def worst_cases(found: Collected, suite: Sequence[Corruption], titles: Mapping[str, str]) -> list[WorstCase]:
    """For each family the case that was lost most, the worst first, at most :data:`MOST`.

    Args:
        found: the answers.
        suite: the corruptions.
        titles: name of each class for people.
    """
    losses = {one.name: _losses(found, found.corrupted[one.name]) for one in suite}
    chosen: dict[str, tuple[float, Corruption, str]] = {}
    for moderate in (True, False):
        for one in suite:
            if (one.strength <= MODERATE) is not moderate or not losses[one.name]:
                continue
            name = max(losses[one.name], key=lambda image: losses[one.name][image])
            known = chosen.get(one.family)
            if known is None or ((known[1].strength <= MODERATE) is moderate and losses[one.name][name] > known[0]):
                chosen[one.family] = (losses[one.name][name], one, name)
    order = sorted(chosen.values(), key=lambda one: -one[0])
    segmenter = None
    if not found.classes and order:
        segmenter = Segmenter(open_session(found.subject.folder, "segmentation", 0))
    cases = (_case(found, one, name, loss, titles, segmenter) for loss, one, name in order)
    return [case for case in cases if case is not None][:MOST]


def _losses(found: Collected, answers: Answers) -> dict[str, float]:
    """What each image lost, of those that lost something."""
    clean = dict(zip(found.clean.ids, found.clean.scores, strict=True))
    if not found.classes:
        lost = {name: clean[name] - score for name, score in zip(answers.ids, answers.scores, strict=True)}
        return {name: float(loss) for name, loss in lost.items() if loss > 0.05}
    sure = answers.probabilities.max(axis=1)
    return {
        name: float(confidence)
        for name, score, confidence in zip(answers.ids, answers.scores, sure, strict=True)
        if clean[name] and not score
    }


def _case(
    found: Collected, one: Corruption, image: str, loss: float, titles: Mapping[str, str], segmenter: Segmenter | None
) -> WorstCase | None:
    record = found.records[image]
    try:
        scan = read_slice(record)
        ((_, changed, mask),) = corrupted_slices([record], one, segmenter is not None, {})
        truth = None if segmenter is None else read_truth(record, scan)
    except (TumorlensError, ValueError):  # the picture has gone since it was answered
        return None
    pictures = [grey_picture(scan), grey_picture(changed)]
    if segmenter is not None and truth is not None and mask is not None:
        answered = [segmenter([part])[0] for part in (scan, changed)]
        pictures = [
            contoured(grey, [(real, TRUTH_COLOR), (marked, ANSWER_COLOR)])
            for grey, real, marked in zip(pictures, (truth, mask), answered, strict=True)
        ]
    before, after = (_words(found, answers, image, titles) for answers in (found.clean, found.corrupted[one.name]))
    label = (
        str(record.label) if segmenter is not None else found.classes[int(found.truth[found.clean.ids.index(image)])]
    )
    return WorstCase(
        image,
        one.name,
        one.words,
        titles.get(label, label),
        before,
        after,
        loss,
        *(encode_png(picture) for picture in pictures),
    )


def _words(found: Collected, answers: Answers, image: str, titles: Mapping[str, str]) -> str:
    row = answers.ids.index(image)
    if not found.classes:
        return f"Dice {answers.scores[row]:.2f}"
    answer = int(np.argmax(answers.probabilities[row]))
    return f"{titles[found.classes[answer]]}, {100 * answers.probabilities[row, answer]:.0f} %"
