"""The committed test ids against the rule that made them, which needs scikit-learn."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tumorlens.datasets.catalogue import load_collection
from tumorlens.datasets.splits import load_split

pytestmark = [pytest.mark.extra_train, pytest.mark.data]


def test_figshare_test_ids_are_fold_0_over_label_and_group(real_data: Callable[[str], Path]) -> None:
    from sklearn.model_selection import StratifiedGroupKFold

    records = list(load_collection("figshare", real_data("figshare-256")))
    labels, groups = [str(record.label) for record in records], [record.group for record in records]
    division = StratifiedGroupKFold(5, shuffle=True, random_state=0)
    _, test = next(division.split(np.zeros(len(records)), labels, groups))
    assert load_split("figshare-groups").test == tuple(records[index].id for index in sorted(test))
