"""The yardstick: a Keras EfficientNetB0 with a four-class head (experiment A), loaded and asked about one picture.

    python benchmarks/keras_baseline.py MODEL.keras --build      save the network once, with random weights
    python benchmarks/keras_baseline.py MODEL.keras PICTURE      load it and predict, as a user's script does

The weights are random, since speed and memory do not depend on them, and nothing is downloaded.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

SIDE = 224
CLASSES = 4


def build(path: Path) -> None:
    """Save EfficientNetB0 without top -> global average pooling -> dropout 0.5 -> dense 4 softmax."""
    import keras

    backbone = keras.applications.EfficientNetB0(include_top=False, weights=None, input_shape=(SIDE, SIDE, 3))
    pooled = keras.layers.GlobalAveragePooling2D()(backbone.output)
    kept = keras.layers.Dropout(0.5)(pooled)
    answer = keras.layers.Dense(CLASSES, activation="softmax")(kept)
    path.parent.mkdir(parents=True, exist_ok=True)
    keras.Model(backbone.input, answer).save(path)


def load(path: Path) -> Any:
    """The saved network, through ``keras.models.load_model``."""
    from tensorflow import keras

    return keras.models.load_model(path)


def read_picture(path: Path) -> Any:
    """One picture as a float32 batch ``[1, 224, 224, 3]``, 0 to 255."""
    import cv2
    import numpy as np

    pixels = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if pixels is None:
        raise SystemExit(f"{path} is no picture that OpenCV reads")
    return cv2.resize(pixels, (SIDE, SIDE))[None].astype(np.float32)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("picture", type=Path, nargs="?")
    parser.add_argument("--build", action="store_true")
    arguments = parser.parse_args()
    if arguments.build:
        build(arguments.model)
        return
    if arguments.picture is None:
        parser.error("name a picture, or pass --build")
    print(load(arguments.model).predict(read_picture(arguments.picture), verbose=0)[0].tolist())


if __name__ == "__main__":
    main()
