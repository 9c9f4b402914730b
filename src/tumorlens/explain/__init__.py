"""Why a model says what it says: maps from the exported features, no gradients and no torch."""

from tumorlens.explain.cam import class_activation_map

__all__ = ["class_activation_map"]
