"""The kind of `base[index]`."""

from __future__ import annotations

from dataclasses import replace

from srcgrad.analysis.dims import Dims, broadcast, slice_dim
from srcgrad.analysis.operands import TUPLE, array_of_expr, dim_value, is_tuple, kind_of, shape_items
from srcgrad.analysis.signatures import MISSING, const
from srcgrad.errors import KindError
from srcgrad.ir.kinds import BOTTOM, INT, Array, Bottom, DictOf, Dim, Extent, Kind, ListOf, Opaque, Scalar, Shape, text
from srcgrad.ir.nodes import Const, Expr, Load, Pack, Slice

SLICE = Opaque(slice)
"""The kind of a variable that is a slice."""


def infer_load(base: Expr, index: Expr) -> Kind:
    """The kind of `base[index]`: an element, a view, or a copy of parts of an array; an item of a list or dict."""
    kind, index_kind = kind_of(base), kind_of(index)
    if isinstance(kind, Bottom) or (isinstance(index_kind, Bottom) and not isinstance(index, (Slice, Pack))):
        return BOTTOM
    if isinstance(kind, Array):
        return index_array(kind, index)
    if isinstance(kind, (ListOf, DictOf)):
        if isinstance(index, Slice):
            return replace(kind, optional=False)
        if index_kind == SLICE:
            raise KindError("a list is indexed by a variable that is a slice", "Write `xs[lo:hi]`.")
        if isinstance(base, Pack) and isinstance(const(index), int):
            return kind_of(base.items[const(index)])
        return kind.item
    if is_tuple(kind) or isinstance(base, Pack):
        return _tuple_item(base, index)
    if kind == Opaque(range):
        return INT
    if isinstance(kind, Opaque) and kind.type is tuple and kind.item is not None:
        return kind if isinstance(index, Slice) else kind.item
    if isinstance(kind, Opaque):
        return Opaque(str) if kind.type is str else Opaque(object)
    if isinstance(kind, Scalar) and not kind.weak and const(index) == ():
        return kind
    raise KindError(f"a {text(kind)} cannot be indexed")


def _tuple_item(base: Expr, index: Expr) -> Kind:
    if isinstance(index, Slice):
        part = Load(base, index, kind=TUPLE)
        return Shape(tuple, dims=shape_items(part)) if isinstance(kind_of(base), Shape) else TUPLE
    k = const(index)
    if isinstance(base, Pack) and isinstance(k, int) and -len(base.items) <= k < len(base.items):
        return kind_of(base.items[k])
    shape = shape_items(base)
    if shape is None:
        return INT if isinstance(kind_of(base), Shape) else Opaque(object)
    if isinstance(k, int):
        if not -len(shape) <= k < len(shape):
            raise KindError(f"index {k} is out of range for a shape of {len(shape)} axes")
        return INT if shape[k] is None else replace(INT, value=shape[k])
    return INT


def index_array(kind: Array, index: Expr) -> Kind:
    """The kind of an array's part."""
    items = _items(index)
    if items is None or kind.dims is None:
        return Array(kind.dtype, None)
    if sum(_is_ellipsis(item) for item in items) > 1:
        raise KindError("an index can only have one ellipsis")
    used = sum(_axes_used(item) for item in items)
    rank = len(kind.dims)
    if used > rank:
        raise KindError(f"too many indices: the array has {rank} axes, {used} were given")
    if not any(_is_ellipsis(item) for item in items):
        items = [*items, Const(...)]
        explicit = False
    else:
        explicit = True
    result: list[Dim] = []
    advanced: list[Dims] = []
    ints: list[int] = []  # places of plain integers: they count as index arrays beside an index array
    places: list[int] = []
    axis = 0
    for n, item in enumerate(items):
        if _is_ellipsis(item):
            result.extend(kind.dims[axis : axis + rank - used])
            axis += rank - used
        elif isinstance(item, Const) and item.value is None:
            result.append(1)
        elif isinstance(item, Slice):
            result.append(slice_dim(kind.dims[axis], *(_bound(b) for b in (item.lo, item.hi, item.step))))
            axis += 1
        elif kind_of(item) == SLICE:
            result.append(None)
            axis += 1
        elif _is_int(kind_of(item)):
            _check(kind.dims[axis], const(item))
            ints.append(n)
            axis += 1
            if not places:
                position = len(result)
        else:
            array = array_of_expr(item)
            if array.dtype == "bool":
                if array.dims is None:
                    return Array(kind.dtype, None)
                advanced.append((None,))
                axis += len(array.dims)
            elif array.dtype.startswith(("int", "uint")):
                if array.dims is None:
                    return Array(kind.dtype, None)
                advanced.append(array.dims)
                axis += 1
            else:
                raise KindError(f"an array cannot be indexed by a {text(kind_of(item))}")
            places.append(n)
    if advanced:
        shape = broadcast(advanced)
        if shape is None:
            return Array(kind.dtype, None)
        together = sorted(places + ints)
        if together[-1] - together[0] == len(together) - 1:
            position = _results_before(items[: together[0]], rank - used)
        else:
            position = 0
        result[position:position] = list(shape)
        return Array(kind.dtype, tuple(result))
    if not result and not explicit:
        return Scalar(kind.dtype, weak=False)
    return Array(kind.dtype, tuple(result))


def _results_before(items: list[Expr], in_ellipsis: int) -> int:
    """How many axes of the result come from the given items, none of which is an integer or an array."""
    return sum(in_ellipsis if _is_ellipsis(item) else 1 for item in items)


def _items(index: Expr) -> list[Expr] | None:
    if isinstance(index, Pack) and index.type == "tuple":
        return list(index.items)
    if isinstance(index, Const) and isinstance(index.value, tuple):
        return [Const(v) if not isinstance(v, slice) else _slice(v) for v in index.value]
    if isinstance(index, Const) and isinstance(index.value, slice):
        return [_slice(index.value)]
    kind = kind_of(index)
    if isinstance(kind, Opaque) and kind.type is tuple:
        return None
    return [index]


def _slice(s: slice) -> Slice:
    bounds = [None if v is None else Const(v) for v in (s.start, s.stop, s.step)]
    return Slice(*bounds)


def _axes_used(item: Expr) -> int:
    if _is_ellipsis(item) or (isinstance(item, Const) and item.value is None):
        return 0
    kind = kind_of(item)
    if isinstance(kind, Array) and kind.dtype == "bool" and kind.dims is not None:
        return len(kind.dims)
    return 1


def _is_ellipsis(item: Expr) -> bool:
    return isinstance(item, Const) and item.value is ...


def _is_int(kind: Kind) -> bool:
    return isinstance(kind, Scalar) and kind.dtype.startswith(("int", "uint"))


def _bound(expr: Expr | None) -> object:
    """A slice's bound for slice_dim: None absent, ... unknown."""
    if expr is None:
        return None
    value = const(expr)
    if value is not MISSING:
        return value
    found = dim_value(kind_of(expr))
    return ... if found is None else found


def _check(dim: Dim, k: object) -> None:
    if isinstance(dim, int) and isinstance(k, int) and not isinstance(dim, Extent) and not -dim <= k < dim:
        raise KindError(f"index {k} is out of bounds for an axis of length {dim}")
