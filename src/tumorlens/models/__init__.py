"""Networks: a registry of described entries, classifiers and segmenters. Torch is loaded when a model is built."""

from tumorlens.models.registry import REGISTRY, ModelEntry, Task, build_model

__all__ = ["REGISTRY", "ModelEntry", "Task", "build_model"]
