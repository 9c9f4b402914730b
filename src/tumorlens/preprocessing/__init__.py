"""From a slice to a network's input and back: one implementation for training and for answering."""

from tumorlens.preprocessing.geometry import Box, Geometry
from tumorlens.preprocessing.head import head_box
from tumorlens.preprocessing.pipeline import Prepared, Preprocessing

__all__ = ["Box", "Geometry", "Prepared", "Preprocessing", "head_box"]
