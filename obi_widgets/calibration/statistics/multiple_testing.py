"""Many settings looked at: p values and confidence that know of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]


def benjamini_hochberg(p: ArrayLike, *, tried: int | None = None) -> Floats:
    """Return p adjusted for the rate of false discoveries.

    The i-th smallest of m becomes min over j ≥ i of p_j · m / j (Benjamini and Hochberg 1995,
    JRSS B 57, 289). Of what is called significant at 5 %, 5 % is false on average, where the tests
    are independent or positively dependent; where nothing is true, so is the chance of any.

    Parameters
    ----------
    p : array_like of float
        Any shape. NaN is no test, and stays NaN.
    tried : int, optional
        How many tests there were, when not all are given: the others count as p = 1.

    Returns
    -------
    ndarray of float64
        Of the shape of ``p``.
    """
    values, order, many = _sorted(p, tried)
    adjusted = values.ravel()[order] * many / np.arange(1, len(order) + 1)
    return _given(values, order, np.minimum.accumulate(adjusted[::-1])[::-1])


def holm(p: ArrayLike, *, tried: int | None = None) -> Floats:
    """Return p adjusted for the chance of any false discovery, whatever the dependence.

    The i-th smallest of m becomes max over j ≤ i of p_j · (m − j + 1) (Holm 1979, Scandinavian
    Journal of Statistics 6, 65). For settings that are much alike it is too strict: see
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
    values, order, many = _sorted(p, tried)
    adjusted = values.ravel()[order] * (many - np.arange(len(order)))
    return _given(values, order, np.maximum.accumulate(adjusted))


def _sorted(p: ArrayLike, tried: int | None) -> tuple[Floats, NDArray[np.intp], int]:
    values = np.asarray(p, np.float64)
    order = np.argsort(values, axis=None, kind="stable")
    order = order[: np.count_nonzero(~np.isnan(values))]  # NaN is sorted last
    return values, order, max(tried or 0, len(order))


def _given(values: Floats, order: NDArray[np.intp], adjusted: Floats) -> Floats:
    out = np.full(values.size, np.nan)
    out[order] = np.minimum(adjusted, 1.0)
    return out.reshape(values.shape)
