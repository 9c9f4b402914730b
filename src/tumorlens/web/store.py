"""Finished analyses in an SQLite file: whole or not at all, whatever happens to the process."""

from __future__ import annotations

import json
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tumorlens.errors import OutputError
from tumorlens.web.findings import Correction, Entry, Pictures

APPLICATION_ID = 0x746C6E73
MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE analyses (
        id TEXT PRIMARY KEY, name TEXT NOT NULL, created TEXT NOT NULL, label TEXT NOT NULL,
        document TEXT NOT NULL, note TEXT NOT NULL DEFAULT '', correction TEXT
    ) STRICT;
    CREATE INDEX analyses_created ON analyses (created DESC);
    CREATE TABLE pictures (
        id TEXT PRIMARY KEY REFERENCES analyses (id) ON DELETE CASCADE,
        rows INTEGER NOT NULL, cols INTEGER NOT NULL, low REAL NOT NULL, high REAL NOT NULL,
        pixels BLOB NOT NULL, activation BLOB, affine BLOB
    ) STRICT;
    """,
)
"""One script for each version of the schema; the last one's number is the present version."""

_COLUMNS = """id, name, created, label, document, note, correction,
    EXISTS (SELECT 1 FROM pictures WHERE pictures.id = analyses.id AND activation IS NOT NULL) AS has_activation"""
_WAIT_S = 10.0


class Store:
    """A database of finished analyses; safe to use from any thread, and from several processes.

    Every change is on the disk before it is reported (write-ahead log, ``synchronous=FULL``).

    Args:
        path: the file, made if it is missing, readable by its owner alone.

    Raises:
        OutputError: it cannot be opened, is no such database, or was made by a newer version.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.RLock()
        try:
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
            self._connection = sqlite3.connect(path, timeout=_WAIT_S, check_same_thread=False, isolation_level=None)
            self._connection.row_factory = sqlite3.Row
            self._prepare()
        except (OSError, sqlite3.Error) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            raise OutputError(
                f"The database '{path}' cannot be used ({reason}): pass a new file, or one that this server made."
            ) from error

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()

    def add(self, id_: str, name: str, created: str, label: str, document: str, pictures: Pictures) -> None:
        """Keep a finished analysis."""
        packed = pictures.packed()
        with self._changing() as database:
            database.execute(
                "INSERT INTO analyses (id, name, created, label, document) VALUES (?, ?, ?, ?, ?)",
                (id_, name, created, str(label), document),
            )
            names = ", ".join(packed)
            marks = ", ".join(f":{one}" for one in packed)
            database.execute(f"INSERT INTO pictures (id, {names}) VALUES (:id, {marks})", {"id": id_, **packed})

    def get(self, id_: str) -> Entry | None:
        """One analysis, or ``None``."""
        with self._lock:
            row = self._connection.execute(f"SELECT {_COLUMNS} FROM analyses WHERE id = ?", (id_,)).fetchone()
        return None if row is None else self._entry(row)

    def search(self, text: str, limit: int, offset: int) -> tuple[list[Entry], int]:
        """Analyses whose name, note or label holds a text, the newest first, and how many there are in all."""
        escaped = text.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")
        where = r"name LIKE :like ESCAPE '\' OR note LIKE :like ESCAPE '\' OR label LIKE :like ESCAPE '\'"
        values = {"like": f"%{escaped}%", "limit": limit, "offset": offset}
        with self._lock:
            total = self._connection.execute(f"SELECT COUNT(*) FROM analyses WHERE {where}", values).fetchone()[0]
            rows = self._connection.execute(
                f"SELECT {_COLUMNS} FROM analyses WHERE {where} ORDER BY created DESC, id LIMIT :limit OFFSET :offset",
                values,
            ).fetchall()
        return [self._entry(row) for row in rows], total

    def delete(self, id_: str) -> bool:
        """Remove an analysis; whether there was one. Its bytes are overwritten."""
        with self._changing() as database:
            return database.execute("DELETE FROM analyses WHERE id = ?", (id_,)).rowcount > 0

    def set_note(self, id_: str, note: str) -> None:
        """Set the note of an analysis."""
        with self._changing() as database:
            database.execute("UPDATE analyses SET note = ? WHERE id = ?", (note, id_))

    def correct(self, id_: str, change: Callable[[Entry], Correction | None]) -> Entry | None:
        """Set the corrected mask to what ``change`` makes of the present entry, which nobody alters meanwhile."""
        with self._changing() as database:
            entry = self.get(id_)
            if entry is None:
                return None
            correction = change(entry)
            text = None if correction is None else json.dumps(correction.to_dict())
            database.execute("UPDATE analyses SET correction = ? WHERE id = ?", (text, id_))
            return self.get(id_)

    def is_writable(self) -> bool:
        """Whether a transaction can be begun."""
        try:
            with self._changing():
                return True
        except sqlite3.Error:
            return False

    def _prepare(self) -> None:
        database = self._connection
        owner = database.execute("PRAGMA application_id").fetchone()[0]
        tables = database.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()[0]
        if tables and owner != APPLICATION_ID:
            raise OutputError(f"'{self.path}' is a database of another program: pass a new file.")
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = FULL")
        database.execute("PRAGMA foreign_keys = ON")
        database.execute("PRAGMA secure_delete = ON")
        with self._changing():
            version = database.execute("PRAGMA user_version").fetchone()[0]
            if version > len(MIGRATIONS):
                raise OutputError(
                    f"'{self.path}' has schema {version}, and this version of tumorlens knows {len(MIGRATIONS)}: "
                    "upgrade tumorlens, or pass a new file."
                )
            for script in MIGRATIONS[version:]:
                for statement in filter(str.strip, script.split(";")):
                    database.execute(statement)
            database.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            database.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")

    @contextmanager
    def _changing(self) -> Iterator[sqlite3.Connection]:
        """A transaction that no other thread or process writes beside."""
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def _entry(self, row: Any) -> Entry:
        correction = None if row["correction"] is None else Correction(**json.loads(row["correction"]))
        return Entry(
            id=row["id"],
            name=row["name"],
            created=row["created"],
            status="done",
            document_json=row["document"],
            load=lambda: self._pictures(row["id"]),
            correction=correction,
            note=row["note"],
            stored=True,
            has_activation=bool(row["has_activation"]),
        )

    def _pictures(self, id_: str) -> Pictures:
        with self._lock:
            row = self._connection.execute("SELECT * FROM pictures WHERE id = ?", (id_,)).fetchone()
        if row is None:
            raise LookupError(id_)
        return Pictures.unpacked(row)
