"""Sparse matrices of SciPy; loaded where the first function of scipy.sparse is looked up.

A matrix that comes from outside is a constant, which stands in products and systems. One that is made inside of the
function is its elements (rules/defined/sparse.py); a gradient flows to the elements that it has, and to no others.
"""

from __future__ import annotations

from typing import Any

import scipy.sparse as ss
import scipy.sparse.linalg as sl

from srcgrad import runtime
from srcgrad.analysis import infer_shapes, signatures
from srcgrad.analysis.operands import array_of_expr, kind_of
from srcgrad.analysis.signatures import Bound
from srcgrad.errors import KindError
from srcgrad.ir.kinds import INT, Array, Kind, Matrix, Opaque, dims, join_dtype, rank
from srcgrad.ir.nodes import Call, Load, Prim
from srcgrad.rules.build import Namespace, Sym, call, helper, lift
from srcgrad.rules.defined.registry import array, hold, written_as
from srcgrad.rules.effects import DECLARED
from srcgrad.rules.libraries import MATRICES
from srcgrad.rules.reductions import literal
from srcgrad.rules.registry import constant, flat, jvp, linear, vjp
from srcgrad.rules.transposed import builder

_linalg: Any = Namespace(sl, "scipy.sparse.linalg")

CLASSES = tuple(
    getattr(ss, f"{layout}_{flavour}") for layout in ("csr", "csc", "coo", "bsr", "dia", "dok", "lil")
    for flavour in ("array", "matrix")
)  # fmt: skip
MATRICES |= set(CLASSES)

# ---- constant matrices ---------------------------------------------------------------------------------------


def _methods(name: str) -> tuple[Any, ...]:
    """What a method is in the classes of matrices."""
    return tuple({getattr(cls, name) for cls in CLASSES})


@linear(_methods("dot"), "other")
def _dot(d: Sym, self: Sym, other: Sym) -> Sym:
    return self.T @ d


@linear(sl.spsolve, "b")
def _spsolve(d: Sym, A: Sym, b: Sym) -> Sym:
    return _linalg.spsolve(A.T, d)


@linear(sl.expm_multiply, "B")
def _expm_multiply(d: Sym, A: Sym, B: Sym) -> Sym:
    return _linalg.expm_multiply(A.T, d)


signatures._WRITTEN[sl.SuperLU.solve] = lambda self, rhs, trans="N": None


@linear(sl.SuperLU.solve, "rhs")
def _solve(d: Sym, self: Sym, rhs: Sym, trans: Any = "N") -> Sym:
    prim = Prim(sl.SuperLU.solve, "solve", "method")
    return call(prim, self, d, trans="T") if literal(trans, "trans") == "N" else call(prim, self, d)


def _like_product(prim: Prim, bound: Bound) -> Kind:
    return infer_shapes.matmul_kind(kind_of(bound["self"]), kind_of(bound["other"]))


def _solution(prim: Prim, bound: Bound) -> Kind:
    """The solution of a system, of the dtype of both sides; one of a single column is a vector to SciPy."""
    side = "b" if "b" in bound else "B"
    left = kind_of(bound["A"]) if "A" in bound else array_of_expr(bound["data"])
    shape = dims(array_of_expr(bound[side]))
    if side == "b" and shape is not None and len(shape) == 2 and shape[1] in (1, None):
        raise KindError(f"{prim.text} of a matrix with one column gives a vector", "Pass a vector.")
    return Array(join_dtype(getattr(left, "dtype", "float64"), array_of_expr(bound[side]).dtype), shape)


def _dense(prim: Prim, bound: Bound) -> Kind:
    kind = kind_of(bound["self"])
    shape = (None,) if prim.fn in _methods("diagonal") else (None, None)
    return Array(getattr(kind, "dtype", "float64"), shape)


def _of_layout(layout: str) -> Any:
    def rule(prim: Prim, bound: Bound) -> Kind:
        kind = kind_of(bound["self"])
        if not isinstance(kind, Matrix):
            raise KindError(f"{prim.text} of this value")
        flavour = "array" if issubclass(kind.type, ss.sparray) else "matrix"
        return Matrix(getattr(ss, f"{layout}_{flavour}"), dtype=kind.dtype)

    return rule


infer_shapes.RULES |= dict.fromkeys(_methods("dot"), _like_product)
infer_shapes.RULES |= dict.fromkeys((*_methods("toarray"), *_methods("diagonal")), _dense)
infer_shapes.RULES |= dict.fromkeys(_methods("transpose"), lambda prim, bound: kind_of(bound["self"]))
for _layout in ("csr", "csc", "coo"):
    infer_shapes.RULES |= dict.fromkeys(_methods(f"to{_layout}"), _of_layout(_layout))
    constant(*_methods(f"to{_layout}"))
infer_shapes.RULES |= dict.fromkeys((sl.splu, sl.spilu), lambda prim, bound: Opaque(sl.SuperLU))
infer_shapes.RULES |= dict.fromkeys((sl.spsolve, sl.expm_multiply, runtime.sparse_solution), _solution)
infer_shapes.RULES[sl.SuperLU.solve] = lambda prim, bound: Array("float64", dims(array_of_expr(bound["rhs"])))
constant(*_methods("toarray"), *_methods("diagonal"), *_methods("transpose"), sl.splu, sl.spilu)
DECLARED |= {
    *(method for name in ("dot", "toarray", "diagonal", "transpose", "tocsr", "tocsc", "tocoo")
      for method in _methods(name)),
    sl.SuperLU.solve, sl.spsolve, sl.expm_multiply, sl.splu, sl.spilu,
}  # fmt: skip

# ---- iterative methods ---------------------------------------------------------------------------------------

METHODS = {
    getattr(sl, name): options for name, options in {
        "cg": ("rtol", "atol", "maxiter"), "bicgstab": ("rtol", "atol", "maxiter"), "bicg": ("rtol", "atol", "maxiter"),
        "gmres": ("rtol", "atol", "restart", "maxiter"),
        "lgmres": ("rtol", "atol", "maxiter"),
    }.items()
}  # fmt: skip
"""Method -> the options that its adjoint's system is solved with, too."""

_ASKED = ("rtol", "atol", "restart", "maxiter")


def passed(method: Any) -> Sym:
    """A method as an argument."""
    return Sym(Call(Prim(method, f"scipy.sparse.linalg.{method.__name__}", "attribute"), (), kind=Opaque(type(method))))


def _iterative(method: Any) -> None:
    def definition(A: Any, b: Any, x0: Any = None, **options: Any) -> Any:
        """The solution and SciPy's word on it; no derivative flows to where the iteration starts."""
        if not isinstance(getattr(A, "kind", None), Matrix) or set(options) - set(METHODS[method]):
            return None
        b = array(b)
        start = {} if x0 is None else {"x0": lift(x0)}
        named = tuple({**start, **{name: lift(value) for name, value in options.items()}}.items())
        text = f"scipy.sparse.linalg.{method.__name__}"
        both = hold(Sym(Call(Prim(method, text), (A.expr, b.expr), named, kind=Opaque(tuple))), "solved").expr
        kind = Array(join_dtype(A.kind.dtype, array_of_expr(b.expr).dtype), dims(b.kind))
        found = Sym(Load(both, lift(0), kind=kind))
        known = helper(runtime.solution_found)(passed(method), found, A, b, **options)
        return known, Sym(Load(both, lift(1), kind=INT))

    written_as(method)(definition)


for _method in METHODS:
    _iterative(_method)


linear(runtime.iterated, "b")(builder(
    lambda d, method, A, b, **k: helper(runtime.iterated)(method, A.T, d, **_given(k)),
    ("d", "method", "A", "b"), _ASKED,
))  # fmt: skip
vjp(runtime.solution_found, "b")(builder(
    lambda d, method, A, b, **k: helper(runtime.iterated)(method, A.T, d, **_given(k)),
    ("d", "method", "A", "b"), _ASKED,
))  # fmt: skip
jvp(runtime.solution_found, "b")(builder(
    lambda t, method, A, b, **k: helper(runtime.iterated)(method, A, t, **_given(k)),
    ("t", "method", "A", "b"), _ASKED,
))  # fmt: skip
flat(runtime.solution_found, "x")


def _given(options: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


infer_shapes.RULES[runtime.iterated] = _solution
infer_shapes.RULES[runtime.solution_found] = lambda prim, bound: array_of_expr(bound["x"])

# ---- matrices of elements ------------------------------------------------------------------------------------


def _turned(shape: Any) -> Any:
    return shape[::-1]


def _at(d: Sym, x: Sym, row: Sym, col: Sym) -> Sym:
    """What an outer product of d and x is at some places."""
    product = d[row] * x[col]
    return product if rank(x.kind) == 1 else product.sum(axis=1)


@linear(runtime.sparse_product, "data")
def _product_values(d: Sym, data: Sym, row: Sym, col: Sym, x: Sym) -> Sym:
    return _at(d, x, row, col)


@linear(runtime.sparse_product, "x")
def _product_operand(d: Sym, data: Sym, row: Sym, col: Sym, shape: Any, x: Sym) -> Sym:
    return helper(runtime.sparse_product)(data, col, row, _turned(shape), d)


@linear(runtime.sparse_solution, "b")
def _solution_side(d: Sym, data: Sym, row: Sym, col: Sym, shape: Any, b: Sym) -> Sym:
    return helper(runtime.sparse_solution)(data, col, row, _turned(shape), d)


@vjp(runtime.sparse_solution, "data")
def _solution_values(d: Sym, out: Sym, data: Sym, row: Sym, col: Sym, shape: Any, b: Sym) -> Sym:
    return -_at(helper(runtime.sparse_solution)(data, col, row, _turned(shape), d), out, row, col)


@jvp(runtime.sparse_solution, "data", "b")
def _solution_tangent(
    t: tuple[Sym | None, Sym | None], out: Sym, data: Sym, row: Sym, col: Sym, shape: Any, b: Sym
) -> Sym:
    of_data, of_b = t
    if of_data is None:
        return helper(runtime.sparse_solution)(data, row, col, shape, of_b)
    moved = helper(runtime.sparse_product)(of_data, row, col, shape, out)
    side = -moved if of_b is None else of_b - moved
    return helper(runtime.sparse_solution)(data, row, col, shape, side)


@linear(runtime.sparse_dense, "data")
def _dense_values(d: Sym, data: Sym, row: Sym, col: Sym) -> Sym:
    return d[row, col]


flat(runtime.sparse_product, "row", "col", "shape")
flat(runtime.sparse_solution, "row", "col", "shape")
flat(runtime.sparse_dense, "row", "col", "shape")


def _product_kind(prim: Prim, bound: Bound) -> Kind:
    data, x = array_of_expr(bound["data"]), array_of_expr(bound["x"])
    product = infer_shapes.matmul_kind(Array(data.dtype, (None, None)), x)
    return Array(getattr(product, "dtype", "float64"), dims(product))


infer_shapes.RULES[runtime.sparse_product] = _product_kind
infer_shapes.RULES[runtime.sparse_dense] = lambda prim, bound: Array(
    array_of_expr(bound["data"]).dtype, (None, None)
)

infer_shapes.RULES[runtime.sparse_values] = lambda prim, bound: Array(
    getattr(kind_of(bound["A"]), "dtype", "float64"), (None,)
)
infer_shapes.RULES |= dict.fromkeys(
    (runtime.sparse_rows, runtime.sparse_columns), lambda prim, bound: Array("int32", (None,))
)
constant(runtime.sparse_values, runtime.sparse_rows, runtime.sparse_columns)

from srcgrad.rules.defined import ELEMENTS, sparse  # noqa: E402  (its definitions, too)

ELEMENTS |= dict.fromkeys(CLASSES, sparse.elements)


def _made(prim: Prim, bound: Bound) -> Kind:
    """A constant matrix, made of numbers that are known."""
    if any(name in bound for name in ("dtype", "format")):
        raise KindError(f"{prim.text} with `dtype` or `format`", "Make the matrix outside of the function.")
    flavour = "array" if prim.fn in (ss.eye_array, ss.diags_array) else "matrix"
    return Matrix(getattr(ss, f"dia_{flavour}"))


infer_shapes.RULES |= dict.fromkeys((ss.eye, ss.eye_array, ss.identity, ss.diags, ss.diags_array), _made)
constant(ss.eye, ss.eye_array, ss.identity)

__all__ = ["CLASSES"]
