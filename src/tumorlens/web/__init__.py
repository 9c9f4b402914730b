"""The server and its page: scans in by HTTP, answers out. Research use, not a medical device."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tumorlens.web.settings import Settings

if TYPE_CHECKING:
    from tumorlens.web.app import create_app

__all__ = ["Settings", "create_app"]


def __getattr__(name: str) -> Any:
    if name != "create_app":
        raise AttributeError(f"module 'tumorlens.web' has no attribute {name!r}")
    from tumorlens.web.app import create_app

    return create_app
