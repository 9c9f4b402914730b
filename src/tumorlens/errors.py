"""Every error that tumorlens raises on purpose.

Each message is one sentence that names what is wrong, the rule, and the way out, so that the command line and the
web API can show it as it stands.
"""

from __future__ import annotations


class TumorlensError(Exception):
    """Base of all deliberate errors; ``str(error)`` is one sentence fit for a user."""


class InputError(TumorlensError):
    """A scan, mask or folder handed in by the user cannot be used."""


class UnreadableFileError(InputError):
    """The file is missing, empty, truncated, corrupt, or not of a format that can be read."""


class LimitError(InputError):
    """The input is larger or smaller than the stated limits."""


class InvalidScanError(InputError):
    """Pixels, spacing or affine break a rule of :class:`tumorlens.Scan`."""


class UsageError(TumorlensError):
    """An option or argument has a value that is not allowed."""


class OutputError(TumorlensError):
    """An output cannot be written, or exists and may not be replaced."""


class WeightsError(TumorlensError):
    """A model file or its manifest is missing, altered or inconsistent."""


class RecipeError(TumorlensError):
    """A recipe is malformed, or does not fit the data it is run on."""


class DatasetError(TumorlensError):
    """A data set folder does not have the published layout."""


class EvaluationError(TumorlensError):
    """A figure cannot be computed from these answers, or means nothing on them."""


class TrainingError(TumorlensError):
    """A training run cannot start, go on, or be resumed."""


class MissingExtraError(TumorlensError):
    """An optional dependency is needed; the message names the command that installs it."""
