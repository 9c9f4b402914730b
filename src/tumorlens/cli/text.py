"""Text that any terminal, CSV or JSON can hold, whatever a file is called."""

from __future__ import annotations

import json
import re
import sys


def well_formed(text: str) -> str:
    """The text with bytes of a file name that are no UTF-8 replaced by U+FFFD, so that it can be encoded."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def printable(text: str) -> str:
    """The text on one line, with control characters (which could steer a terminal) replaced by U+FFFD."""
    joined = " ".join(part for part in re.split(r"[\r\n]+", well_formed(text)) if part)
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in joined)


def for_stdout(document: str) -> str:
    """A JSON text as standard output can carry it: other characters than ASCII escaped where it is not UTF-8."""
    encoding = (sys.stdout.encoding or "").lower().replace("-", "").replace("_", "")
    if encoding in ("utf8", "utf8sig") or document.isascii():
        return document
    return re.sub(r"[^\x00-\x7f]", lambda match: json.dumps(match.group())[1:-1], document)
