"""Files made of an :class:`tumorlens.inference.Analysis`: one entry each in :data:`WRITERS`."""

from tumorlens.writers.table import WRITERS, Writer

__all__ = ["WRITERS", "Writer"]
