"""The C library's heap during a training."""

import subprocess
import sys

import pytest
import torch

pytestmark = pytest.mark.extra_train

FAULTS = """
import resource, torch
from tumorlens.training.memory import keep_freed_memory
torch.set_num_threads(1)
done = {} and keep_freed_memory()
def step():
    kept = [torch.ones(40 * 2**20 // 4) for _ in range(2)]
for _ in range(3):
    step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    step()
print(int(done), resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux: this is about glibc")
@pytest.mark.skipif(torch.cuda.is_available(), reason="no GPU: with one nothing is changed")
def test_arrays_of_one_step_lie_where_those_of_the_step_before_lay() -> None:
    def faults(*, kept: bool) -> tuple[int, int]:
        code = FAULTS.replace("{}", str(kept))
        out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
        done, count = map(int, out.stdout.split())
        return done, count

    _, usual = faults(kept=False)
    done, few = faults(kept=True)
    if not done:
        pytest.skip("glibc: the C library here is another one")
    pages = 10 * 2 * 40 * 2**20 // 4096
    # Which arrays glibc maps afresh without it differs from one version to another, so only what is kept is held to.
    assert few <= pages / 5 and few <= usual
