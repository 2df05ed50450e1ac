"""Corrections of p values for multiple testing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]


def benjamini_hochberg(p: ArrayLike, *, tried: int | None = None) -> Floats:
    """Return p values adjusted to control the false discovery rate.

    The i-th smallest of m becomes min over j ≥ i of p_j · m / j (Benjamini and Hochberg 1995,
    JRSS B 57, 289). If the tests are independent or positively dependent, at most 5 % of the
    results called significant at 5 % are false on average; if no effect exists, the chance of any
    significant result is at most 5 %.

    Parameters
    ----------
    p : array_like of float
        P values, any shape. NaN is no test, and stays NaN.
    tried : int, optional
        Number of tests made, if not all are given: the others count as p = 1.

    Returns
    -------
    ndarray of float64
        Of the shape of ``p``.
    """
    values, order, tests = _sorted(p, tried)
    adjusted = values.ravel()[order] * tests / np.arange(1, len(order) + 1)
    return _unsorted(values, order, np.minimum.accumulate(adjusted[::-1])[::-1])


def holm(p: ArrayLike, *, tried: int | None = None) -> Floats:
    """Return p values adjusted to control the family-wise error rate, under any dependence.

    The i-th smallest of m becomes max over j ≤ i of p_j · (m − j + 1) (Holm 1979, Scandinavian
    Journal of Statistics 6, 65). For similar settings it is conservative: see
    `bootstrap.familywise`.

    Parameters
    ----------
    p, tried
        See `benjamini_hochberg`.

    Returns
    -------
    ndarray of float64
        Of the shape of ``p``.
    """
    values, order, tests = _sorted(p, tried)
    adjusted = values.ravel()[order] * (tests - np.arange(len(order)))
    return _unsorted(values, order, np.maximum.accumulate(adjusted))


def _sorted(p: ArrayLike, tried: int | None) -> tuple[Floats, NDArray[np.intp], int]:
    """Return the p values, the flat order of those that are not NaN, and the number of tests."""
    values = np.asarray(p, np.float64)
    order = np.argsort(values, axis=None, kind="stable")
    order = order[: np.count_nonzero(~np.isnan(values))]  # NaN is sorted last
    return values, order, max(tried or 0, len(order))


def _unsorted(values: Floats, order: NDArray[np.intp], adjusted: Floats) -> Floats:
    """Return adjusted p values, at most 1, in the original order and shape."""
    out = np.full(values.size, np.nan)
    out[order] = np.minimum(adjusted, 1.0)
    return out.reshape(values.shape)
