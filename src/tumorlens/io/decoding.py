"""The boundary to the decoders of other packages: whatever they raise becomes one sentence."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable
from typing import TypeVar

from tumorlens.errors import LimitError, TumorlensError, UnreadableFileError

_LOG = logging.getLogger(__name__)

T = TypeVar("T")


def guarded(what: str, decode: Callable[[], T]) -> T:
    """The result of ``decode``, any failure of which becomes an error of this package.

    A decoder fed with damaged bytes may raise nearly anything. Its own error is neither quoted nor kept as cause or
    context of the new one, because it can quote the file, a patient's name included.

    Args:
        what: the format as the sentence names it, for example ``"a PNG picture"``.
        decode: reads the file.

    Raises:
        UnreadableFileError: the decoder failed.
        LimitError: the decoder asked for more memory than there is.
    """
    failure: type[Exception]
    try:
        return decode()
    except TumorlensError:
        raise
    except Exception as error:
        failure = type(error)
    # Raised out here, where no error is being handled that would become the context of this one.
    _LOG.debug("decoding %s failed with %s", what, failure.__name__)
    if issubclass(failure, MemoryError):
        raise LimitError(f"Decoding {what} takes more memory than this machine has free: crop or shrink it.")
    raise UnreadableFileError(
        f"This file begins like {what} but is truncated, damaged or of an uncommon variant ({failure.__name__}): "
        "export or download it again."
    )


def hush(package: str) -> None:
    """Keeps the warnings and log records of a decoder's package out of every log, for this process.

    They quote values of the file, which in DICOM identify a patient. Called before each decoding, since a program may
    reset the filters in between; filters that only hold inside a block would not be safe with threads.
    """
    warnings.filterwarnings("ignore", module=rf"({package}|tumorlens\.io)(\.|$)")
    logging.getLogger(package).setLevel(logging.CRITICAL + 1)
