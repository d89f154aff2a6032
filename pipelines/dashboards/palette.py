"""The colours of every chart: told apart by people who see colours otherwise, and clear on light and dark ground.

Taken from Okabe and Ito's set (2008); `tests/pipelines/dashboards/test_palette.py` computes what is claimed here.
"""

from typing import Final

BLUE: Final = "#0072b2"
ORANGE: Final = "#d55e00"
GREY: Final = "#808080"
USED: Final = (BLUE, ORANGE, GREY)

LIGHT_GROUND: Final = "#ffffff"
DARK_GROUND: Final = "#181c1a"
"""What marimo lays behind its pages."""
