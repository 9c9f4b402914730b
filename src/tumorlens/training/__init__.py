"""From a typed recipe to an ONNX file with its manifest: the one trainer."""
