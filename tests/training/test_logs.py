from pathlib import Path

import pytest

from tumorlens.training.fit import history
from tumorlens.training.logs import kept_log
from tumorlens.training.run import RunFolder

pytestmark = pytest.mark.extra_train


def write(run: RunFolder, epochs: range, value: float) -> None:
    """What Lightning's logger does: it replaces the file."""
    folder = run.root / "logs"
    folder.mkdir(exist_ok=True)
    lines = [f"{epoch},{10 * epoch},,{value + epoch}\n{epoch},{10 * epoch},{value},\n" for epoch in epochs]
    (folder / "metrics.csv").write_text("epoch,step,train_loss,val_loss\n" + "".join(lines), encoding="utf-8")


def values(run: RunFolder) -> list[tuple[float, float]]:
    return [(row["epoch"], row["train_loss"]) for row in history(run)]


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return RunFolder(tmp_path)


def test_rows_of_both_starts_are_joined_and_the_newer_win(run: RunFolder) -> None:
    write(run, range(3), 1.0)
    with kept_log(run):
        assert not (run.root / "logs" / "metrics.csv").exists()
        write(run, range(2, 5), 2.0)
    assert values(run) == [(0, 1.0), (1, 1.0), (2, 2.0), (3, 2.0), (4, 2.0)]
    assert history(run)[3]["val_loss"] == 5.0
    assert [path.name for path in run.root.iterdir()] == ["logs"]


def test_a_start_that_logs_nothing_keeps_what_was_there(run: RunFolder) -> None:
    write(run, range(2), 1.0)
    with kept_log(run):
        pass
    assert values(run) == [(0, 1.0), (1, 1.0)]


def test_an_exception_does_not_lose_rows(run: RunFolder) -> None:
    write(run, range(2), 1.0)
    with pytest.raises(KeyboardInterrupt), kept_log(run):
        write(run, range(2, 3), 2.0)
        raise KeyboardInterrupt
    assert values(run) == [(0, 1.0), (1, 1.0), (2, 2.0)]


def test_a_kill_in_between_does_not_lose_rows(run: RunFolder) -> None:
    write(run, range(3), 1.0)
    killed = kept_log(run)
    killed.__enter__()
    write(run, range(3, 4), 2.0)
    with kept_log(run):
        write(run, range(4, 5), 3.0)
    assert values(run) == [(0, 1.0), (1, 1.0), (2, 1.0), (3, 2.0), (4, 3.0)]


def test_a_first_start_needs_no_log(run: RunFolder) -> None:
    with kept_log(run):
        write(run, range(1), 1.0)
    assert values(run) == [(0, 1.0)]
