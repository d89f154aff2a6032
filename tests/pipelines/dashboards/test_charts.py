"""What the palette claims, computed: Machado, Oliveira and Fernandes (2009), CIE L*a*b*, WCAG 2 contrast."""

import re
from itertools import combinations

import numpy as np
import pytest
from numpy.typing import NDArray

from pipelines.dashboards.charts import COLOURS
from pipelines.dashboards.report import style

AS_SEEN = {
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
    "everything": [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
}
LIGHT_GROUND = "#ffffff"
DARK_GROUND = "#181c1a"
"""The colour that marimo lays behind its pages."""
CLEARLY_DIFFERENT = 20
"""ΔE (CIE 1976); about 2.3 is just noticeable."""


def linear(colour: str) -> NDArray[np.float64]:
    shares = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    return np.where(shares <= 0.04045, shares / 12.92, ((shares + 0.055) / 1.055) ** 2.4)


def lab(rgb: NDArray[np.float64]) -> NDArray[np.float64]:
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    ratio = to_xyz @ np.clip(rgb, 0, 1) / np.array([0.95047, 1.0, 1.08883])
    f = np.where(ratio > 0.008856, np.cbrt(ratio), 7.787 * ratio + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def contrast(one: str, other: str) -> float:
    light, dark = sorted((float(linear(c) @ [0.2126, 0.7152, 0.0722]) for c in (one, other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("sight", AS_SEEN)
def test_no_two_colours_look_alike_to_anybody(sight: str) -> None:
    seen = {colour: lab(np.array(AS_SEEN[sight]) @ linear(colour)) for colour in COLOURS}

    for one, other in combinations(COLOURS, 2):
        assert np.linalg.norm(seen[one] - seen[other]) >= CLEARLY_DIFFERENT, (one, other)


def test_red_and_green_of_one_lightness_would_not_pass() -> None:
    red, green = (lab(np.array(AS_SEEN["deuteranopia"]) @ linear(colour)) for colour in ("#b4463c", "#6e7828"))

    assert np.linalg.norm(red - green) < CLEARLY_DIFFERENT


def test_words_in_colour_can_be_read_on_the_ground_and_on_a_card() -> None:
    """WCAG 2, AA: 4.5; a card is the ground with a twentieth of the ink."""
    pairs = re.findall(r"\.(\w+) { color: light-dark\((#\w{6}), (#\w{6})\)", style())

    assert {name for name, _, _ in pairs} == {"warn", "alarm", "good"}
    for _, on_light, on_dark in pairs:
        for colour, ground, card in ((on_light, LIGHT_GROUND, "#f2f2f2"), (on_dark, DARK_GROUND, "#242826")):
            assert min(contrast(colour, ground), contrast(colour, card)) >= 4.5


@pytest.mark.parametrize("ground", [LIGHT_GROUND, DARK_GROUND])
@pytest.mark.parametrize("colour", COLOURS)
def test_every_mark_stands_out_from_light_and_dark_ground(colour: str, ground: str) -> None:
    assert contrast(colour, ground) >= 3
