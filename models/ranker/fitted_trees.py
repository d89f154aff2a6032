"""Fitted trees that only answer: LightGBM's library without its Python package.

The package imports scikit-learn, pandas and SciPy to find out whether they are installed, which is most of the start
and of the memory of a service. The library's C interface (https://lightgbm.readthedocs.io/en/stable/C-API.html) needs
none of them; the scores are those of `lightgbm.Booster`, bit by bit.
"""

import ctypes
from functools import cache
from importlib.metadata import files
from typing import Any, Final

import numpy as np

from recommender.ranking.ranker import FloatArray

_FLOAT64: Final = 1
_ROW_MAJOR: Final = 1
_RAW_SCORE: Final = 1
_CONTRIBUTIONS: Final = 3
_ALL_TREES: Final = -1


class UnreadableTrees(ValueError):
    """The library refuses the model or the rows; the message is its own."""


class FittedTrees:
    """Boosted trees, read from the text of a model. Raises `UnreadableTrees`.

    Threads may ask it at once.
    """

    def __init__(self, text: str) -> None:
        self._text: Final = text
        self._handle: Final = ctypes.c_void_p()
        trees = ctypes.c_int()
        content = ctypes.c_char_p(text.encode())
        _call("BoosterLoadModelFromString", content, ctypes.byref(trees), ctypes.byref(self._handle))

    def __del__(self) -> None:
        if self._handle.value is not None:
            _library().LGBM_BoosterFree(self._handle)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._text,)

    def model_to_string(self) -> str:
        """The text that it was read from."""
        return self._text

    def num_feature(self) -> int:
        """The number of columns that the trees read."""
        found = ctypes.c_int()
        _call("BoosterGetNumFeature", self._handle, ctypes.byref(found))
        return found.value

    def predict(
        self, rows: FloatArray, *, raw_score: bool = False, pred_contrib: bool = False, num_threads: int = 1
    ) -> FloatArray:
        """Raw scores (rows,), or with `pred_contrib` exact SHAP values (rows, columns + 1); as `Booster.predict`."""
        if raw_score == pred_contrib:
            raise ValueError("either raw scores or contributions")
        number, width = rows.shape
        values = np.ascontiguousarray(rows, dtype=np.float64)
        found = np.empty((number, width + 1) if pred_contrib else number)
        length = ctypes.c_int64()
        _call(
            "BoosterPredictForMat",
            self._handle,
            values.ctypes.data_as(ctypes.c_void_p),
            _FLOAT64,
            ctypes.c_int32(number),
            ctypes.c_int32(width),
            _ROW_MAJOR,
            _CONTRIBUTIONS if pred_contrib else _RAW_SCORE,
            0,
            _ALL_TREES,
            ctypes.c_char_p(f"num_threads={num_threads}".encode()),
            ctypes.byref(length),
            found.ctypes.data_as(ctypes.POINTER(ctypes.c_double)),
        )
        if length.value != found.size:
            raise UnreadableTrees(f"{length.value} values for {found.size}")
        return found


@cache
def _library() -> ctypes.CDLL:
    """LightGBM's library, as its installed package brings it."""
    names = (file for file in files("lightgbm") or () if file.stem == "lib_lightgbm")
    library = ctypes.CDLL(str(next(names).locate()))
    library.LGBM_GetLastError.restype = ctypes.c_char_p
    return library


def _call(function: str, *arguments: Any) -> None:
    library = _library()
    if getattr(library, f"LGBM_{function}")(*arguments) != 0:
        raise UnreadableTrees(library.LGBM_GetLastError().decode("utf-8", "replace"))
