"""What is counted during an epoch: a confusion matrix, and the precision and recall that it gives."""

from __future__ import annotations

import torch


class Confusion:
    """Counts ``[truth, answer]`` over an epoch; of several processes, each counts its share."""

    def __init__(self, classes: int) -> None:
        self.counts = torch.zeros(classes, classes, dtype=torch.int64)

    def reset(self) -> None:
        """Forget all counts."""
        self.counts.zero_()

    def add(self, truth: torch.Tensor, answer: torch.Tensor) -> None:
        """Count labels and answers, int64 ``[batch]`` each."""
        classes = len(self.counts)
        cells = torch.bincount(truth * classes + answer, minlength=classes * classes)
        self.counts += cells.reshape(classes, classes).cpu()

    def precision_recall(self) -> tuple[float, float]:
        """Means over the classes that occur, of precision (0 where a class is never answered) and of recall."""
        counts = self.counts.double()
        hit, true, answered = counts.diagonal(), counts.sum(dim=1), counts.sum(dim=0)
        occurs = true > 0
        if not occurs.any():
            return 0.0, 0.0
        precision, recall = hit / answered.clamp(min=1), hit / true.clamp(min=1)
        return float(precision[occurs].mean()), float(recall[occurs].mean())


def hard_dice(predicted: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """Dice coefficient of each image ``[batch, 1, rows, cols]`` (bool); 1 where both are empty."""
    inter = (predicted & truth).sum(dim=(1, 2, 3))
    total = predicted.sum(dim=(1, 2, 3)) + truth.sum(dim=(1, 2, 3))
    return torch.where(total > 0, 2 * inter / total.clamp(min=1), torch.ones_like(inter).float())
