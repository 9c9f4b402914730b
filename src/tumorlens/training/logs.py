"""The CSV log of a run over several starts: Lightning's logger deletes the log that it finds, so it is kept aside.

And the MLflow store that may log the run too.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lightning.pytorch.loggers import Logger

from tumorlens.errors import TrainingError
from tumorlens.io.atomic import write_atomic
from tumorlens.training.recipe import Recipe
from tumorlens.training.run import RunFolder

Rows = list[dict[str, str]]


@contextmanager
def kept_log(run: RunFolder) -> Iterator[None]:
    """Put ``logs/metrics.csv`` aside for the block, and afterwards before the rows that were logged in it.

    A kill in the block loses nothing: the next call finds what was put aside and joins it first.
    """
    log, aside = run.root / "logs" / "metrics.csv", run.root / "earlier-metrics.csv"
    _join(aside, log)
    if log.is_file():
        log.replace(aside)
    try:
        yield
    finally:
        _join(aside, log)


def mlflow_logger(store: str, recipe: Recipe, run: RunFolder) -> Logger:
    """Logger to an MLflow server (``http://...``), database (``sqlite:///...``) or folder.

    Raises:
        TrainingError: the store cannot be reached or written.
    """
    from lightning.pytorch.loggers import MLFlowLogger

    uri = store if ":/" in store else f"sqlite:///{_database(Path(store))}"
    try:
        logger = MLFlowLogger(recipe.name, run_name=run.root.name, tracking_uri=uri)
        logger.log_hyperparams(recipe.model_dump(mode="json", exclude_defaults=True))
    except Exception as error:  # MLflow raises its own, its database's and its server's classes
        reason = " ".join(str(error).split())[:200]
        raise TrainingError(
            f"The MLflow store '{store}' cannot be used ({type(error).__name__}: {reason}): check its address, or "
            "leave out --mlflow."
        ) from error
    return logger


def _database(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder.absolute() / "mlflow.db"


def _join(aside: Path, log: Path) -> None:
    if not aside.is_file():
        return
    earlier, later = _read(aside), _read(log)
    starts = min((int(row["epoch"]) for row in later), default=None)
    rows = [row for row in earlier if starts is None or int(row["epoch"]) < starts] + later
    fields = sorted({name for row in rows for name in row})
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, fields)
    writer.writeheader()
    writer.writerows(rows)
    log.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(log, text.getvalue().encode())
    aside.unlink()


def _read(path: Path) -> Rows:
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))
