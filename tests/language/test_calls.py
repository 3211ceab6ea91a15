"""Calls: NumPy under any alias, methods, math, builtins, functools, the user's functions in every form."""

import functools
import math
import math as m_
from dataclasses import dataclass
from functools import partial, reduce

import numpy
import numpy as np
import numpy.linalg as nla
import pytest
from numpy import linalg, newaxis, sin
from numpy import tanh as hyperbolic
from numpy.linalg import norm

from tests.support import Cases, check, load

X4 = np.array([0.7, -0.4, 0.3, 0.9])
P4 = np.array([0.7, 1.4, 0.3, 0.9])
M34 = np.array([[0.2, -0.5, 0.8, 0.1], [0.6, 0.3, -0.7, 0.4], [-0.9, 0.5, 0.35, 1.1]])
la = np.linalg
product = np.multiply

CASES = Cases()


# -- NumPy under any alias, math -------------------------------------------------------------------------------------


@CASES(X4)
def aliases_of_numpy(x):
    y = numpy.exp(sin(x)) + hyperbolic(x[newaxis, :])[0]
    return np.sum(product(y, x)) + la.norm(x) * nla.norm(y) + linalg.norm(x * y) + norm(y) + np.linalg.norm(x + y)


@CASES(X4)
def aliases_made_inside(x):
    xp = np
    root, log = xp.sqrt, xp.log
    import numpy.linalg as inner
    f = xp.sin if xp.sum(x) > 0 else xp.cos
    return xp.sum(root(x * x + 1) * log(x + 2) * f(x)) + inner.norm(x)


@CASES(P4)
def numpy_functions_with_keywords(x):
    m = np.reshape(np.concatenate([x, x * x, -x]), (3, 4))
    return (np.sum(np.sum(m, axis=0, keepdims=True) * m) + np.mean(m, axis=(0, 1)) + np.max(m, axis=1)[0]
            + np.sum(np.stack([x, x * x], axis=1) ** 2) + np.cumsum(m, axis=1)[1, 3] + np.linalg.norm(m, axis=1).sum()
            + np.sum(np.clip(x, a_min=0.5, a_max=1.0)) + np.sum(np.transpose(m, axes=(1, 0))[1] ** 2))


@CASES(0.7, 1.4)
def math_functions(x, s):
    return (math.sin(x) * m_.exp(s) + math.sqrt(s) + math.log(x + 2) + math.tanh(x) * math.pi + math.pow(s, x)
            + math.hypot(x, s) + math.atan2(x, s) + math.log1p(s) + math.fabs(-x) + math.floor(s) * x
            + math.log(s, 2))


@CASES(M34)
def creation_functions(m):
    y = np.zeros_like(m) + np.ones(4) * np.full((3, 1), 2.0) + np.eye(3, 4) + np.arange(4) + np.linspace(0, 1, 4)
    z = np.empty(4)
    z[:] = m[0] * 2
    return (np.sum(y * m * m) + np.sum(z * np.asarray(m)[1] * np.array(m, dtype=float)[2])
            + np.sum(np.diag(m[:, :3]) ** 2) + np.sum(np.tril(m) * np.triu(m)) + np.sum(np.diag(m[0])[1] ** 2))


@CASES(X4)
def ufunc_forms(x):
    y = np.add(x, np.subtract(x, 2)) * np.negative(np.square(x)) + np.maximum(x, 0.2) * np.minimum(x, 0.5)
    z = np.where(x > 0, x * x, -x) + np.abs(x) * np.sign(x) + np.power(np.abs(x), 1.5)
    return np.sum(y) * np.sum(z)


# -- builtins --------------------------------------------------------------------------------------------------------


@CASES(X4)
def builtin_sum(x):
    return sum(x) * sum([x[0], x[1] * x[2]]) + sum((x * 2)[1:], x[0]) + np.sum(sum([x, x * x])) + sum(range(4)) * x[0]


@CASES(X4, 0.2)
def builtin_min_and_max(x, s):
    return (max(x) * min(x) + max(x[0], s) * min(x[1], s, x[2]) + max([v * v for v in x], default=0.0)
            + max(x, key=lambda v: -v * v) * min(3, 4) + max(s, 0.0) * max([], default=s))


@CASES(0.7, -0.4)
def builtin_arithmetic(x, s):
    q, r = divmod(x * 10, 3)
    return abs(s) * x + pow(x, 2) + pow(x, x) + abs(s * x) + divmod(7, 2)[0] * x + q * r


@CASES(X4)
def builtin_conversions(x):
    n = int(x[0] * 11)
    y = float(x[0]) * n + round(x[1]) * x[0] + bool(x[0]) * x[1]
    return y * len(x) + float("2.5") * x[2] + int("3") * x[0]


@CASES(X4)
def builtin_sorted(x):
    a = sorted(x)
    b = sorted([x[0] * 2, x[1], x[2] * x[2]], reverse=True)
    c = sorted(range(4), key=lambda i: -x[i])
    return a[0] * a[3] + b[0] * b[1] - b[2] + x[c[0]] * x[c[1]]


@CASES(X4)
def builtin_map_and_filter(x):
    total = 0.0
    for v in map(lambda t: t * t, x):
        total = total * 0.5 + v
    for v in filter(lambda t: t > 0, x):
        total = total * 0.9 + v
    kept = list(filter(None, [x[0], 0.0, x[1]]))
    return total + sum(map(lambda a, b: a * b, x, x[1:])) + kept[0] * kept[1] + sum(map(math.sin, x))


@CASES(X4)
def functools_reduce(x):
    return reduce(lambda a, b: a * b + 1, x) + functools.reduce(lambda a, b: a + b * b, [x[0], x[1]], x[2])


def weighted(x, w, power=1, offset=0.0):
    return w * x ** power + offset


@CASES(0.7, 1.4)
def functools_partial(x, s):
    double = partial(weighted, w=2.0)
    cube = functools.partial(weighted, w=s, power=3)
    first = partial(weighted, x)
    again = partial(first, s, offset=x)
    return double(x) * cube(s) + first(s, power=2) + again() + cube(x, offset=1.0)


cubic = partial(weighted, w=0.5, power=3)


@CASES(0.7)
def partial_of_the_module(x):
    return cubic(x) * cubic(x * 2, offset=x)


@CASES(X4)
def builtins_on_plain_data(x):
    names = list("abc") + [str(3)]
    table = dict(zip(names, range(4), strict=True))
    pairs = list(zip(names, x, strict=True))
    return sum(x[table[name]] * v for name, v in pairs) + x[len(set(names)) - 1] + isinstance(x, np.ndarray) * x[0] \
        + tuple(x)[1] * list(x)[2] + (x[0] if all([True, True]) and any([False, True]) else 0.0) + x[abs(-2)]


# -- the user's functions --------------------------------------------------------------------------------------------


def slope(y, k):
    return -k * y + np.sin(y)


def two_results(x, s):
    y = x * s
    return y, np.sum(y * y)


def by_name(x, *, scale=2.0, power):
    return np.sum(x ** power) * scale


def with_default(x, s=1.5, items=(1.0, 2.0), options=None):
    if options is not None:
        s = s * options["factor"]
    return np.sum(x) * s + items[1] * s


def with_everything(a, /, b, *rest, c=2.0, **others):
    total = a * b + c
    for r in rest:
        total = total * 0.5 + r
    return total + sum(others.values()) + len(others)


def never_returns(x):
    x * 2  # noqa: B018


@CASES(X4, 0.8)
def runge_kutta(y, k):
    for _ in range(3):
        k1 = slope(y, k)
        k2 = slope(y + 0.05 * k1, k)
        y = y + 0.1 * k2
    return np.sum(y * y)


@CASES(X4, 0.8)
def several_results(x, s):
    y, e = two_results(x, s)
    both = two_results(y, e)
    _, f = two_results(s, 3.0)
    return np.sum(y * both[0]) + e * both[1] * f


@CASES(P4, 0.8)
def parameters_of_every_kind(x, s):
    a = by_name(x, power=2) + by_name(x, power=s, scale=s)
    b = with_default(x) + with_default(x, s) + with_default(x, items=(s, s)) + with_default(x, options={"factor": s})
    c = with_everything(s, x[0]) + with_everything(s, x[0], x[1], 3.0, c=x[2], d=s, e=x[3])
    return a + b * c * with_everything(s, b=x[3])


@CASES(X4)
def callee_without_result(x):
    r = never_returns(x)
    y = x * x if r is None else x
    return np.sum(y)


def power(x, n):
    if n == 0:
        return 1.0
    return x * power(x, n - 1)


def fold(x, i=0):
    if i == len(x):
        return 0.5
    rest = fold(x, i + 1)
    return np.sin(x[i]) * rest + x[i]


def is_even(x, n):
    return x if n == 0 else is_odd(x * x + 0.1, n - 1)


def is_odd(x, n):
    if n == 0:
        return -x
    return is_even(np.sin(x), n - 1)


def tree(x, depth):
    """Two calls of itself."""
    if depth == 0:
        return x * x
    return tree(x * 0.8, depth - 1) * tree(np.sin(x), depth - 1) + x


def halved(x):
    if len(x) == 1:
        return x[0]
    half = len(x) // 2
    return halved(x[:half]) * halved(x[half:]) + x[0]


@CASES(0.7)
def recursion_of_scalars(x):
    return power(x, 5) + power(x * x, 2) * power(x, 0)


@CASES(X4)
def recursion_over_an_array(x):
    return fold(x) * fold(x[1:]) + halved(x)


@CASES(0.7)
def mutual_recursion(x):
    return is_even(x, 4) * is_even(x, 3) + tree(x, 3)


@CASES(0.7)
def recursion_of_a_nested_function(x):
    def steps(y, n):
        return y if n == 0 else steps(y * x + 0.1, n - 1)

    return steps(x, 4) * steps(1.0, 2)


def make_scaled(factor):
    def scaled(t):
        return t * factor
    return scaled


def compose(f, g):
    return lambda t: f(g(t))


def apply_twice(f, x):
    return f(f(x))


def integrate(f, a, b, n=4):
    h = (b - a) / n
    total = 0.5 * (f(a) + f(b))
    for i in range(1, n):
        total = total + f(a + i * h)
    return total * h


triple = make_scaled(3.0)


@CASES(0.7, 1.4)
def closures_returned(x, s):
    scaled = make_scaled(x)
    both = compose(scaled, make_scaled(s))
    return both(x) * triple(s) + compose(np.sin, scaled)(s)


@CASES(0.7, 1.4)
def functions_as_arguments(x, s):
    return (apply_twice(np.sin, x) + apply_twice(lambda t: t * t + s, x) + apply_twice(make_scaled(s), x)
            + integrate(lambda t: math.exp(-t * x), 0.0, s) + integrate(math.sin, x, s, n=3) + apply_twice(triple, s))


@CASES(X4)
def function_picked_at_run_time(x):
    functions = {"sin": np.sin, "square": np.square, "triple": triple}
    total = 0.0
    for name in ("sin", "square", "triple"):
        total = total + np.sum(functions[name](x) * x)
    return total


def decorated(f):
    @functools.wraps(f)
    def inner(*args, **kwargs):
        return 2.0 * f(*args, **kwargs)
    return inner


@decorated
def energy(x, s=1.0):
    return np.sum(x * x) * s


@CASES(X4)
def decorated_functions(x):
    return energy(x) + energy(x, s=x[0])


def deep_3(x):
    return x * np.sin(x)


def deep_2(x, k):
    for _ in range(k):
        x = deep_3(x) + 0.5 * x
    return x


def deep_1(x):
    y = deep_2(x, 2)
    return deep_2(y, 1) if np.sum(y) > -100 else y


@CASES(X4)
def calls_at_depth(x):
    return np.sum(deep_1(x) * deep_1(x[::-1]))


# -- methods and objects ---------------------------------------------------------------------------------------------


class Line:
    count = 2

    def __init__(self, a, b):
        self.a = a
        self.b = b

    def __call__(self, t):
        return self.a * t + self.b

    def shifted(self, t, by=1.0):
        return self(t + by) * self.count

    @property
    def product(self):
        return self.a * self.b

    @staticmethod
    def square(t):
        return t * t

    @classmethod
    def doubled(cls, t):
        return t * cls.count


class Curve(Line):
    def __call__(self, t):
        return super().__call__(t) * t

    def __add__(self, other):
        return Curve(self.a + other.a, self.b + other.b)

    def __getitem__(self, i):
        return self.a if i == 0 else self.b

    def __len__(self):
        return 2


line = Line(2.0, 0.5)
curve = Curve(1.5, np.array([0.1, 0.2, 0.3, 0.4]))
bound = line.shifted


@CASES(0.7)
def callable_objects(x):
    return line(x) * line(x * 2) + apply_twice(line, x)


@CASES(0.7)
def bound_methods(x):
    f = line.shifted
    return line.shifted(x) * f(x, by=x) + bound(x) + apply_twice(bound, x)


@CASES(0.7)
def other_methods(x):
    return line.square(x) * line.doubled(x) + Line.square(x) + line.product * x + line.a * x


@CASES(X4, refusable=True)  # not asked for by name
def inherited_methods(x):
    return np.sum(curve(x) * curve.shifted(x)) + len(curve) * x[0]


@CASES(0.7, 1.4)
def objects_made_inside(x, s):
    f = Line(x, s)
    g = Line(s, f(x))
    return g(x) * f.shifted(s) + g.a * f.b + f.product


@CASES(0.7, 1.4, refusable=True)  # not asked for by name
def operators_of_objects(x, s):
    total = Curve(x, s) + Curve(s * s, 1.0)
    return total(x) * total[0] + total[1] * len(total)


@dataclass
class Spring:
    k: float
    rest: float = 1.0
    damping: float = 0.1

    def force(self, x, v):
        return -self.k * (x - self.rest) - self.damping * v

    @property
    def period(self):
        return 2 * math.pi / math.sqrt(self.k)

    def __call__(self, x):
        return self.force(x, 0.0)


@CASES(Spring(2.0), 0.7)
def dataclass_methods(spring, x):
    v = 0.0
    for _ in range(3):
        v = v + 0.1 * spring.force(x, v)
        x = x + 0.1 * v
    return x * x + spring(v) * spring.period


@CASES(0.7)
def dataclasses_made_inside(x):
    spring = Spring(k=x, damping=x * x)
    return spring.force(2.0, x) * spring.rest + spring.period


# -- parameters of the differentiated function itself ----------------------------------------------------------------


@CASES(0.7)
def default_parameters(x, s=1.5, items=(1.0, 2.0)):
    return x * s * items[1]


@CASES(0.7, 1.4, 2.0, wrap="loop branch callee")
def starred_parameters(x, *rest):
    total = x
    for r in rest:
        total = total * r + x
    return total * len(rest)


@CASES(0.7, kwargs={"scale": 2.0, "power": 3}, wrap="loop branch callee")
def keyword_only_parameters(x, *, scale, power=2):
    return scale * x ** power


@CASES(0.7, kwargs={"a": 2.0, "b": 3.0}, wrap="loop branch callee")
def double_starred_parameters(x, **options):
    total = x
    for name in options:
        total = total * options[name]
    return total * options.get("c", 1.0) + options["b"] * x


@CASES(0.7, -0.4)
def positional_only_parameters(x, /, s):
    return x * s * s


test_calls = CASES.test()


# -- on their own ----------------------------------------------------------------------------------------------------


CALLABLES = [line, line.shifted, Line.square, Line.doubled, partial(weighted, w=2.0, power=3), cubic, triple,
             compose(math.sin, line), Spring(2.0).__call__, Spring(2.0)]


@pytest.mark.parametrize("f", CALLABLES, ids=[f"{i}-{type(f).__name__}" for i, f in enumerate(CALLABLES)])
def test_anything_callable_can_be_differentiated(f):
    check(f, 0.7)


def test_function_argument_of_the_differentiated_function():
    def f(g, x):
        return g(x) * x

    for g in (math.sin, triple, line, line.shifted, lambda t: t * t, cubic):
        check(f, g, 0.7)


def test_attributes_of_an_object_are_read_when_called():
    own = Line(2.0, 0.0)

    def f(x):
        return own(x) * x

    check(f, 0.7)
    own.a = 5.0
    check(f, 0.7)


def test_closure_variables_are_read_when_called():
    s = 2.0

    def f(x):
        return x * x * s

    check(f, 0.7)
    s = 3.0
    check(f, 0.7)
    s = np.array([1.0])
    check(f, 0.7)


def test_callee_replaced_between_calls():
    env = load("""
def square(x):
    return x * x

def f(x):
    return square(x) * 3
""", "f").__globals__
    check(env["f"], 0.7)
    env["square"] = lambda x: x * x * x
    check(env["f"], 0.7)
    env["square"] = math.sin
    check(env["f"], 0.7)


def test_lambdas_made_anew_at_each_step():
    for k in range(4):
        check(lambda x, k=k: x ** (k + 1) * k if k else x, 0.7)
        check(lambda x: x * x * (k + 1), 0.7)  # noqa: B023


def test_same_name_defined_twice():
    def f(x):
        def g(t):
            return t * t
        a = g(x)

        def g(t):
            return t * t * t
        return a * g(x)

    check(f, 0.7)
