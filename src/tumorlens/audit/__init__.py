"""Leaks, duplicates, doubtful labels and odd images of a data set, found before anybody believes a figure."""

from tumorlens.audit.items import Item, Listing, list_items
from tumorlens.audit.report import headlines, write_report
from tumorlens.audit.run import Audit, Options, run_audit
from tumorlens.audit.tables import prepare_report, summary

__all__ = [
    "Audit",
    "Item",
    "Listing",
    "Options",
    "headlines",
    "list_items",
    "prepare_report",
    "run_audit",
    "summary",
    "write_report",
]
