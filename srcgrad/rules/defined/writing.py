"""Functions that write into an argument, as the stores that they are."""
# mypy: allow-untyped-defs, allow-untyped-calls

import numpy as np

from srcgrad.rules.defined.registry import in_python


@in_python(np.putmask)
def putmask(a, mask, values):
    if np.ndim(values) == 0:
        a[...] = np.where(mask, values, a)
    else:
        a[...] = np.where(mask, np.resize(values, a.shape), a)


@in_python(np.place)
def place(arr, mask, vals):
    here = np.asarray(mask, dtype=bool)
    arr[here] = np.resize(vals, (np.count_nonzero(here),))


@in_python(np.put)
def put(a, ind, v, mode="raise"):
    if mode != "raise":
        raise NotImplementedError("np.put is differentiated with mode='raise'")
    places = np.ravel(ind) % np.size(a)
    if a.ndim == 1:
        a[places] = np.resize(v, places.shape)
    elif a.ndim == 2:
        a[places // a.shape[1], places % a.shape[1]] = np.resize(v, places.shape)
    else:
        raise NotImplementedError("np.put is differentiated for arrays of up to 2 axes")
