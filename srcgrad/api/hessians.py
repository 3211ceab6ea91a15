"""hvp and gauss_newton_vp: products of second derivatives with a vector, without the matrix."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from srcgrad.api.directions import Repeated
from srcgrad.api.gradient import GradientFunction
from srcgrad.api.operators import Derivatives, Operator, Wrt, in_terms_of, refuse_result, wrt
from srcgrad.api.structure import matching, part
from srcgrad.api.target import Argnums
from srcgrad.backends.homes import array_module, home_of
from srcgrad.compile import Compiled
from srcgrad.errors import ArgumentError


class HessianVectorFunction(Operator):
    """The product of a function's Hessian with a vector, as a callable: hvp(f)(*args, v).

    `primal`: the function; `source`: the source of the generated function, the tangent of the gradient's source, for
    the last call, or before any call for arrays; `source_for(*args)`: for arguments of the function.
    """

    suffix, further = "hvp", ("v",)

    def __init__(self, function: Callable[..., Any], argnums: Argnums = 0) -> None:
        super().__init__(function, argnums)
        self._gradient = GradientFunction(function, self.argnums, again=True)
        self.__name__ = self._gradient.__name__
        self._derivatives = Derivatives()
        self._tangents: dict[int, _Tangent] = {}
        self._last: Compiled | None = None

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        v, args = _split(args, self._gradient, "v")
        gradient = self._gradient
        compiled, given = gradient._find(gradient._plain, args, kwargs)
        if compiled.overwritten:
            gradient._check_disjoint(compiled, given)
        tangent = self._tangents.get(id(compiled)) or self._tangent(compiled, given)
        made, by = tangent.made, tangent.by
        if tangent.at >= 0:  # the usual case
            dots = (fitted(v, given[tangent.at], "v"),)
        else:
            dots = by.whole(given, _all_fitted(v, by.values(given), by.many))
        self._last, full = made._find(made._plain, given + tangent.seeds, {})
        with in_terms_of(gradient._target, self.__name__):
            result = gradient._run(self._last, full + dots)
        return (result,) if tangent.single else result

    def _tangent(self, compiled: Compiled, given: tuple[Any, ...]) -> _Tangent:
        target = self._gradient._target
        by = wrt(target, self.argnums, given[: len(target.names)], self.__name__, "Hessian")
        made = _Tangent(compiled, by, tangent_of_gradient(self._derivatives, compiled, by))
        self._tangents[id(compiled)] = made
        return made

    @property
    def source(self) -> str:
        """The source of the product: for the kinds of the last call, or before any call for arrays."""
        return (self._last or self._compiled(*self._gradient._guessed())).text

    def source_for(self, *args: Any, **kwargs: Any) -> str:
        """The source of the product for arguments of the function of these kinds."""
        return self._compiled(*self._gradient._find(self._gradient._plain, args, kwargs)).text

    def _compiled(self, compiled: Compiled, given: tuple[Any, ...]) -> Compiled:
        tangent = self._tangent(compiled, given)
        return tangent.made._find(tangent.made._plain, given + tangent.seeds, {})[0]

    def _what(self) -> str:
        return "Hessian-vector product"

    def _rebuild(self) -> tuple[Any, ...]:
        return self.primal, self.argnums


class _Tangent:
    """The tangent of a compiled gradient. It keeps the gradient, whose id is its key."""

    def __init__(self, compiled: Compiled, by: Wrt, made: GradientFunction) -> None:
        self.compiled, self.by, self.made = compiled, by, made
        self.seeds = (1.0,) * len(compiled.seeds)
        self.single = by.many and len(by.spots) == 1
        index, key = by.spots[0]
        self.at = index if key is None and not by.many else -1


def tangent_of_gradient(derivatives: Derivatives, compiled: Compiled, by: Wrt) -> GradientFunction:
    """Forward mode of a generated gradient, by the arguments that it is the gradient of.

    This and `Derivatives` are all that says how generated code is differentiated again: from its source.
    """
    return derivatives.of(compiled.plain, by.names(compiled.plain), "jvp")


class GaussNewtonFunction(Operator):
    """The product of a function's Gauss-Newton matrix with a vector, as a callable: gauss_newton_vp(f, loss)(*args, v).

    `primal`: the function; `loss`; `source`: the sources of the generated functions: the tangent of the function, the
    product with the loss' Hessian, and the pullback.
    """

    def __init__(
        self, function: Callable[..., Any], loss: Callable[..., Any] | None = None, argnums: Argnums = 0
    ) -> None:
        super().__init__(function, argnums)
        self.loss = loss
        self._push = GradientFunction(function, self.argnums, mode="jvp")
        self._pull = GradientFunction(function, self.argnums, mode="vjp")
        self._curvature = None if loss is None else HessianVectorFunction(loss)
        self.__name__ = self._push.__name__

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        push, pull = self._push, self._pull
        v, args = _split(args, push, "v")
        compiled, given = push._find(push._valued, args, kwargs)
        target = push._target
        bound = given[: len(target.names)]
        by = wrt(target, self.argnums, bound, self.__name__, "Gauss-Newton matrix")
        given = Repeated(given).run(last=False)  # the pullback runs the function again
        out, w = push._run(compiled, given + _all_fitted(v, by.values(bound), by.many))
        refuse_result(out, target, "Gauss-Newton matrix")
        if self._curvature is not None:
            w = self._curvature(out, w)
        compiled, given = pull._find(pull._plain, args, kwargs)
        seeds = []
        for path in compiled.seed_paths:
            value, seed = part(out, path), part(w, path)
            seeds.append(array_module(value).asarray(seed, value.dtype) if home_of(value) is not None else seed)
        result = pull._run(compiled, (*given, *seeds))
        return (result,) if by.many and compiled.outputs == 1 else result

    @property
    def source(self) -> str:
        """The sources of the generated functions."""
        parts = [self._push.source, *([self._curvature.source] if self._curvature else []), self._pull.source]
        return "\n\n".join(part.rstrip("\n") + "\n" for part in parts)

    def _what(self) -> str:
        return "Gauss-Newton product"

    def _rebuild(self) -> tuple[Any, ...]:
        return self.primal, self.loss, self.argnums


def _split(args: tuple[Any, ...], made: GradientFunction, name: str) -> tuple[Any, tuple[Any, ...]]:
    """The vector, which comes last, and the function's own arguments."""
    if not args or (len(args) == made._arity and _all_required(made)):
        raise ArgumentError(
            f"the vector {name!r} is missing.",
            f"Call it with the arguments of {made.__name__} and then {name}, of the structure of its argument.",
        )
    return args[-1], args[:-1]


def _all_required(made: GradientFunction) -> bool:
    parameters = list(made._target.signature.parameters.values())
    return all(p.default is p.empty for p in parameters)


def _all_fitted(v: Any, values: tuple[Any, ...], many: bool) -> tuple[Any, ...]:
    """The vector as one tangent for each value, checked."""
    if not many:
        return (fitted(v, values[0], "v"),)
    if not isinstance(v, (tuple, list)) or len(v) != len(values):
        raise ArgumentError(
            f"v must be a tuple of {len(values)} vectors, one for each of argnums.", "Give one for each of argnums."
        )
    return tuple([fitted(item, value, f"v[{k}]") for k, (item, value) in enumerate(zip(v, values, strict=True))])


def fitted(v: Any, value: Any, where: str) -> Any:
    """A vector, checked against the value that it is a direction of."""
    if type(v) is type(value) and home_of(v) is not None and v.dtype == value.dtype and v.shape == value.shape:
        return v
    if type(v) is list and type(value) is list and len(v) == len(value) and {float} == set(map(type, v + value)):
        return v
    if v is None:
        raise ArgumentError(f"{where} is None.", "Give zeros where the direction is zero.")
    return matching(v, value, where)


def hvp(function: Callable[..., Any] | None = None, argnums: Argnums = 0) -> Any:
    """The product of a function's Hessian with a vector, by forward mode over the gradient.

    hvp(f)(*args, v) gives H v in the structure, shapes and dtypes of the argument; v has that structure too. With
    several argnums v and H v are tuples with one item for each. One call costs a small multiple of the gradient, and
    the Hessian is never made. Keywords are passed to f.

    f returns a float or an array of size 1 (else NonScalarError). ArgumentError: a vector of another structure or
    shape, arguments without floats, argnums that f does not have. Works as a decorator, with and without arguments.
    """
    if function is None:
        return lambda f: hvp(f, argnums)
    return HessianVectorFunction(function, argnums)


def gauss_newton_vp(
    function: Callable[..., Any], loss: Callable[..., Any] | None = None, argnums: Argnums = 0
) -> GaussNewtonFunction:
    """The product of the Gauss-Newton matrix of loss(f(...)) with a vector: J^T H J v.

    J is the Jacobian of f and H the Hessian of the loss at f's result. gauss_newton_vp(f, loss)(*args, v) has the
    structure of the argument, as v has; with several argnums both are tuples. loss: a function that takes the result
    of f as its one argument and gives a float; what else it needs, such as targets, it takes from its closure. Without
    a loss H is the identity: J^T J v, the matrix of least squares 0.5 * sum(f ** 2). For a convex loss the matrix is
    positive semidefinite, which the Hessian need not be.

    f may return an array or a container. Costs a forward sweep of f with tangents, a product by the loss' Hessian, and
    a gradient of f. Raises ArgumentError and NonScalarError as hvp does.
    """
    return GaussNewtonFunction(function, loss, argnums)
