"""The C library's heap during a training."""

import subprocess
import sys

import pytest
import torch

pytestmark = pytest.mark.extra_train

MAPPED = """
import ctypes, torch
from tumorlens.training.memory import keep_freed_memory

class Heap(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in
                "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost".split()]

try:
    heap = ctypes.CDLL(None).mallinfo2
except (AttributeError, OSError):
    print("absent")
    raise SystemExit
heap.restype = Heap
torch.set_num_threads(1)
done = {} and keep_freed_memory()
before = heap().hblks
kept = [torch.ones(40 * 2**20 // 4) for _ in range(2)]
mapped = heap().hblks - before
grown = heap().arena
del kept
print(int(done), mapped, grown - heap().arena)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux: this is about glibc")
@pytest.mark.skipif(torch.cuda.is_available(), reason="no GPU: with one nothing is changed")
def test_large_arrays_come_from_the_heap_and_stay_there_when_freed() -> None:
    def heap(*, kept: bool) -> list[int]:
        code = MAPPED.replace("{}", str(kept))
        out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
        if "absent" in out.stdout:
            pytest.skip("glibc: the C library here is another one, or older than 2.33")
        return [int(one) for one in out.stdout.split()]

    _, usual, _ = heap(kept=False)
    done, mapped, given_back = heap(kept=True)
    assert done == 1
    assert usual == 2, "each array is a mapping of its own, which this exists to avoid"
    assert (mapped, given_back) == (0, 0)
