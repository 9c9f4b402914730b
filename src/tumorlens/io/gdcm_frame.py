"""Decodes one compressed DICOM frame with GDCM: a program of its own, run by :mod:`tumorlens.io.frames`.

GDCM ends the whole process on some damaged frames (an uncaught C++ exception), so it gets a process to end. The frame
comes on standard input, the pixels go to standard output, and the arguments are the folder of the package ``gdcm`` and
the elements of the image pixel module as JSON. Nothing else of ``tumorlens`` is imported here.
"""

import json
import sys


def main(folder: str, elements: str) -> None:
    """Decodes standard input to standard output."""
    sys.path.append(folder)
    import gdcm

    module = json.loads(elements)
    fragment = gdcm.Fragment()
    fragment.SetByteStringValue(sys.stdin.buffer.read())
    fragments = gdcm.SequenceOfFragments.New()
    fragments.AddFragment(fragment)
    pixel_data = gdcm.DataElement(gdcm.Tag(0x7FE0, 0x0010))
    pixel_data.SetValue(fragments.__ref__())
    image = gdcm.Image()
    image.SetNumberOfDimensions(2)
    image.SetDimensions((module["columns"], module["rows"], 1))
    image.SetDataElement(pixel_data)
    photometric = gdcm.PhotometricInterpretation.GetPIType(module["photometric"])
    image.SetPhotometricInterpretation(gdcm.PhotometricInterpretation(photometric))
    if module["samples"] > 1:
        image.SetPlanarConfiguration(0)
    image.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.GetTSType(module["syntax"])))
    stored = module["bits_stored"]
    image.SetPixelFormat(
        gdcm.PixelFormat(module["samples"], module["bits_allocated"], stored, stored - 1, module["signed"])
    )
    # GDCM hands its buffer over as text with escaped bytes.
    sys.stdout.buffer.write(image.GetBuffer().encode("utf-8", "surrogateescape"))


if __name__ == "__main__":
    main(*sys.argv[1:])
