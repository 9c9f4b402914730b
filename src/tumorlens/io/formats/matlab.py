"""The figshare brain-tumor files, MATLAB v7.3."""

from __future__ import annotations

from tumorlens.io.format import Format
from tumorlens.io.matlab import is_hdf5, read_matlab

FORMAT = Format("matlab", "figshare MATLAB v7.3 (cjdata)", (".mat",), is_hdf5, read_matlab)
