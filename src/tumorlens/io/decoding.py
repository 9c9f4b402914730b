"""The boundary to the decoders of other packages: whatever they raise becomes one sentence."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from tumorlens.errors import LimitError, TumorlensError, UnreadableFileError

_LOG = logging.getLogger(__name__)


@contextmanager
def decoding(what: str) -> Iterator[None]:
    """Turns any failure of a decoder inside the block into an error of this package.

    A decoder fed with damaged bytes may raise nearly anything. Its own message is dropped, and the new error is not
    chained to it, because such a message can quote the file, a patient's name included.

    Args:
        what: the format as the sentence names it, for example ``"a PNG picture"``.

    Raises:
        UnreadableFileError: the decoder failed.
        LimitError: the decoder asked for more memory than there is.
    """
    failure: type[Exception] | None = None
    try:
        yield
    except TumorlensError:
        raise
    except Exception as error:
        failure = type(error)
    if failure is None:
        return
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
