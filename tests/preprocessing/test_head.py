import cv2
import numpy as np
import pytest

from tumorlens.phantoms import Phantom, demo_phantoms, random_phantom
from tumorlens.preprocessing import Box, head_box

ROOM = 0.06  # of the longer side: the contour is found on a thumbnail, and a margin is left


def true_box(phantom: Phantom) -> Box:
    rows, cols = np.nonzero(phantom.head)
    return Box(int(rows.min()), int(cols.min()), int(rows.max()) + 1, int(cols.max()) + 1)


def assert_near(found: Box, expected: Box, tolerance: float) -> None:
    differences = np.subtract(
        (found.row0, found.col0, found.row1, found.col1), (expected.row0, expected.col0, expected.row1, expected.col1)
    )
    assert np.abs(differences).max() <= tolerance, (found, expected)


@pytest.mark.parametrize("phantom", demo_phantoms(), ids=lambda one: one.label)
def test_box_of_a_demo_phantom_is_that_of_its_head(phantom: Phantom) -> None:
    assert_near(head_box(phantom.pixels), true_box(phantom), ROOM * max(phantom.pixels.shape))


@pytest.mark.parametrize("seed", range(12))
def test_box_of_a_random_phantom_holds_the_head(seed: int) -> None:
    phantom = random_phantom(np.random.default_rng(seed))
    found, expected = head_box(phantom.pixels), true_box(phantom)
    lost = phantom.head.sum() - phantom.head[found.slices].sum()
    assert lost <= 0.01 * phantom.head.sum()
    assert found.height * found.width <= 1.35 * expected.height * expected.width


@pytest.mark.parametrize("intensities", [(1.0, 0.0), (4096 / 255, -1024.0), (1e-4, 0.0)])
def test_box_does_not_depend_on_the_units(intensities: tuple[float, float]) -> None:
    pixels = demo_phantoms()[0].pixels
    factor, offset = intensities
    assert head_box((pixels * factor + offset).astype(np.float32)) == head_box(pixels)


def small_head() -> np.ndarray:
    """A phantom in the middle of a wide dark field, so that what is around it matters."""
    phantom = demo_phantoms()[1]
    return cv2.copyMakeBorder(phantom.pixels, 40, 40, 60, 60, cv2.BORDER_CONSTANT, value=0.0)


@pytest.mark.parametrize(("size", "thickness"), [(0.4, 1), (0.6, 2)])
def test_burned_in_text_does_not_widen_the_box(size: float, thickness: int) -> None:
    plain = small_head()
    written = plain.astype(np.uint8)
    cv2.putText(written, "R 12:30", (4, 22), cv2.FONT_HERSHEY_SIMPLEX, size, 255.0, thickness)
    assert_near(head_box(written.astype(np.float32)), head_box(plain), 3)


@pytest.mark.parametrize("inset", [0, 1, 4])
def test_bright_frame_does_not_cost_any_of_the_head(inset: int) -> None:
    framed = small_head()
    head = np.pad(demo_phantoms()[1].head, ((40, 40), (60, 60)))
    framed[[inset, -1 - inset], :] = 255
    framed[:, [inset, -1 - inset]] = 255
    assert head[head_box(framed).slices].sum() == head.sum()


def test_wide_bright_border_falls_back_to_the_whole_slice() -> None:
    framed = np.zeros((200, 200), np.float32)
    framed[:8] = framed[-8:] = framed[:, :8] = framed[:, -8:] = 200
    assert head_box(framed) == Box(0, 0, 200, 200)


@pytest.mark.parametrize(
    ("name", "drawn"),
    [
        ("constant", (slice(0, 0), slice(0, 0))),
        ("too small", (slice(90, 110), slice(90, 110))),
        ("too thin", (slice(0, 200), slice(90, 132))),
    ],
)
def test_implausible_contour_gives_the_whole_slice(name: str, drawn: tuple[slice, slice]) -> None:
    pixels = np.full((200, 220), 10, np.float32)
    pixels[drawn] = 200
    assert head_box(pixels) == Box(0, 0, 200, 220), name


@pytest.mark.parametrize("shape", [(1, 1), (1, 50), (3, 2), (8, 900)])
def test_tiny_and_odd_shapes_give_a_box_within_the_slice(shape: tuple[int, int]) -> None:
    pixels = np.random.default_rng(0).uniform(0, 255, shape).astype(np.float32)
    box = head_box(pixels)
    assert 0 <= box.row0 < box.row1 <= shape[0]
    assert 0 <= box.col0 < box.col1 <= shape[1]


def test_margin_grows_the_box_up_to_the_slice() -> None:
    pixels = small_head()
    boxes = [head_box(pixels, margin) for margin in (0.0, 0.05, 0.5)]
    areas = [box.height * box.width for box in boxes]
    assert areas[0] < areas[1] < areas[2]
    assert boxes[2] == Box(0, 0, *pixels.shape)
