"""The functions that generated code may call.

`emit` copies their source into standalone modules that import nothing but NumPy. So each one depends on `np` and on
the others here alone, and has no annotations, which would need further imports.
"""
# mypy: allow-untyped-defs, allow-untyped-calls

import numpy as np


def unbroadcast(d, x):
    """Sum d, of the shape that x was broadcast to, down to the shape of x; a scalar for a scalar x."""
    shape = np.shape(x)
    if not shape:
        return np.sum(d) if isinstance(d, np.ndarray) else d
    if np.shape(d) == shape:
        return d
    new = np.ndim(d) - len(shape)
    stretched = tuple(new + i for i, n in enumerate(shape) if n == 1)
    return np.reshape(np.sum(d, axis=(*range(new), *stretched)), shape)


def reshape_like(d, x):
    """d in the shape of x; a scalar for a scalar x."""
    shape = np.shape(x)
    return np.reshape(d, shape) if shape else np.reshape(d, ())[()]


def zeros_like(value):
    """A zero adjoint: of the same structure as value, with None for whatever has no derivative."""
    if isinstance(value, (list, tuple)):
        return [zeros_like(item) for item in value]
    if isinstance(value, dict):
        return {key: zeros_like(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        return np.zeros_like(value) if value.dtype.kind in "fc" else None
    if isinstance(value, np.inexact):
        return type(value)(0)
    if isinstance(value, (float, complex)):
        return 0j if isinstance(value, complex) else 0.0
    return None


def add_to(d, e):
    """d + e for adjoints of any structure; arrays, lists and dicts in d are added to in place, but for arrays without
    axes, which may stand for numbers. None stands for 0."""
    if e is None:
        return d
    if d is None:
        return copy_of(e)
    if isinstance(d, (list, tuple)):
        if len(d) != len(e):
            raise ValueError(f"adjoints of lists of length {len(d)} and {len(e)} cannot be added")
        if isinstance(d, tuple):
            return tuple([add_to(a, b) for a, b in zip(d, e, strict=True)])
        for i, item in enumerate(e):
            d[i] = add_to(d[i], item)
        return d
    if isinstance(d, dict):
        for key, item in e.items():
            d[key] = add_to(d.get(key), item)
        return d
    if isinstance(d, np.ndarray) and d.ndim:
        d += e
        return d
    return d + e


def filled(d, value):
    """The adjoint of a list or dict of arrays, with zeros for those whose adjoint came to be the number 0.0."""
    places = d if isinstance(d, dict) else range(len(d))
    for place in places:
        if type(d[place]) is float and isinstance(value[place], np.ndarray):
            d[place] = np.zeros_like(value[place])
    return d


def check_finite(d, place):
    """Raise FloatingPointError where an adjoint of any structure holds nan or inf. place: the number of the check."""
    if isinstance(d, (list, tuple, dict)):
        for item in d.values() if isinstance(d, dict) else d:
            check_finite(item, place)
    elif d is not None and not np.all(np.isfinite(d)):
        raise FloatingPointError("nan" if np.any(np.isnan(d)) else "inf", place)


def copy_of(value):
    """A copy of nested lists, tuples, dicts and arrays that shares no memory with them."""
    if isinstance(value, np.ndarray):
        return np.copy(value, order="K")
    if isinstance(value, list):
        return [copy_of(item) for item in value]
    if isinstance(value, tuple):
        items = [copy_of(item) for item in value]
        return type(value)(*items) if hasattr(value, "_fields") else tuple(items)
    if isinstance(value, dict):
        return {key: copy_of(item) for key, item in value.items()}
    return value


def contents_of(value):
    """What put_back needs to let nested lists, dicts and arrays hold again what they hold now."""
    if isinstance(value, np.ndarray):
        return np.copy(value, order="K")
    if isinstance(value, list):
        return [(item, contents_of(item)) for item in value]
    if isinstance(value, dict):
        return {key: (item, contents_of(item)) for key, item in value.items()}
    return None


def put_back(value, saved):
    """Let a list, dict or array, and those in it, hold again what `contents_of` found: the same objects, in place."""
    if isinstance(value, np.ndarray):
        value[...] = saved
    elif isinstance(value, (list, dict)):
        items = saved if isinstance(value, list) else saved.values()
        for item, inner in items:
            put_back(item, inner)
        if isinstance(value, list):
            value[:] = [item for item, _ in saved]
        else:
            value.clear()
            value.update({key: item for key, (item, _) in saved.items()})


def winners(x, index):
    """Which elements of `x[index]` an assignment `x[index] = values` decides: the last of those that are the same."""
    marks = np.empty(np.shape(x), dtype=int)
    order = np.arange(np.size(marks[index])).reshape(np.shape(marks[index]))
    marks[index] = order
    return marks[index] == order


def scalar_adjoint(result, value):
    """The adjoint `value` of a result that has to be a scalar or an array of size 1, in the result's shape."""
    if np.size(result) != 1:
        raise TypeError(f"the result has shape {np.shape(result)}, so it has no gradient")
    return np.full_like(result, value)


def with_attributes(owner, **attributes):
    """A copy of an object with these attributes."""
    result = object.__new__(type(owner))
    for name, value in {**getattr(owner, "__dict__", {}), **attributes}.items():
        object.__setattr__(result, name, value)
    return result


def instance(cls, **attributes):
    """An object of a class with these attributes, made without its constructor."""
    result = object.__new__(cls)
    for name, value in attributes.items():
        object.__setattr__(result, name, value)
    return result


def with_items(owner, items):
    """A copy of a dict of a class of its own (OrderedDict, defaultdict) that holds these items."""
    result = owner.copy()
    result.update(items)
    return result


def check_view(view, array):
    """Raise if `view` is a copy, not a view, of `array`: writes to one would not reach the other's adjoint."""
    if np.size(view) and not np.may_share_memory(view, array):
        raise ValueError("an array written in place was copied by reshape, ravel or asarray: make it contiguous")


def zero_directions(directions, like):
    """Zero tangents of an array, number or list in so many directions, which are the first axis."""
    if isinstance(like, list):
        return [zero_directions(directions, item) for item in like]
    if isinstance(like, dict):
        return {key: zero_directions(directions, item) for key, item in like.items()}
    dtype = np.result_type(like)
    return np.zeros((directions, *np.shape(like)), dtype if dtype.kind in "fc" else float)
