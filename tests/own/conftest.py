"""The rules of libraries are read before the tests here, which put the registry back as it was, would lose them."""

import srcgrad.rules.programs.integrate
import srcgrad.rules.programs.interpolate
import srcgrad.rules.programs.optimize
import srcgrad.rules.special  # noqa: F401
