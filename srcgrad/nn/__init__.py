"""Neural networks on srcgrad's public functions: models are dataclasses of arrays, and so are their gradients.

Layers and losses are functions and classes in plain NumPy, differentiated like a user's; optimisers change the arrays in
place. Nothing in the compiler knows of this package. See docs/nn.md.
"""

from srcgrad.nn.activations import relu
from srcgrad.nn.layers import Dense, Sequential
from srcgrad.nn.losses import cross_entropy, mse
from srcgrad.nn.module import Module, map_arrays, named_arrays, named_parameters, static, summary
from srcgrad.nn.optimisers import SGD, Adam, Optimiser

__all__ = ["SGD", "Adam", "Dense", "Module", "Optimiser", "Sequential", "cross_entropy", "map_arrays", "mse",
           "named_arrays", "named_parameters", "relu", "static", "summary"]  # fmt: skip
