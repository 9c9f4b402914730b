"""Training of gates: networks that say whether a picture is a slice of a brain MRI at all."""
