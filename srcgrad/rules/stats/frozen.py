"""Distributions with their parameters: `norm(loc, scale)`, made inside of the function or held by it."""

from __future__ import annotations

from typing import Any

from scipy import stats

from srcgrad.rules.objects import HOLDERS, OBJECTS


def _parts(frozen: Any) -> dict[str, Any]:
    """The distribution under its public name (a frozen one holds a copy), and the parameters as they were given."""
    public = getattr(stats, frozen.dist.name or "", None)
    dist = public if type(public) is type(frozen.dist) else frozen.dist
    return {"dist": dist, "args": frozen.args, "kwds": frozen.kwds}


def _register() -> None:
    classes = {stats.rv_continuous: type(stats.norm()), stats.rv_discrete: type(stats.poisson(1))}
    for base, cls in classes.items():
        OBJECTS[cls] = _parts
        for dist in vars(stats).values():
            if isinstance(dist, base):
                shapes = [name.strip() for name in (dist.shapes or "").split(",") if name.strip()]
                scale = ["scale"] if base is stats.rv_continuous else []
                HOLDERS[dist] = cls, (*shapes, "loc", *scale)


_register()
