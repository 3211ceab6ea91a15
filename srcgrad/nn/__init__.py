"""Neural networks on srcgrad's public functions: models are dataclasses of arrays, and so are their gradients.

Layers and losses are functions and classes in plain NumPy, differentiated like a user's; optimisers change the arrays in
place. Nothing in the compiler knows of this package. See docs/nn.md.
"""

from srcgrad.nn.activations import relu
from srcgrad.nn.callbacks import Callback, EarlyStopping
from srcgrad.nn.data import ArrayDataset, DataLoader, Subset, load_dataset, split
from srcgrad.nn.history import History
from srcgrad.nn.layers import Dense, Sequential
from srcgrad.nn.losses import cross_entropy, mse
from srcgrad.nn.metrics import accuracy, confusion_matrix, f1, precision, recall
from srcgrad.nn.module import Module, map_arrays, named_arrays, named_parameters, static, summary
from srcgrad.nn.optimisers import SGD, Adam, Optimiser
from srcgrad.nn.saving import Checkpoint, load, save
from srcgrad.nn.tensorfile import CheckpointError
from srcgrad.nn.training import Run, evaluate, fit

__all__ = [
    "SGD", "Adam", "ArrayDataset", "Callback", "Checkpoint", "CheckpointError", "DataLoader", "Dense",
    "EarlyStopping", "History", "Module", "Optimiser", "Run", "Sequential", "Subset", "accuracy",
    "confusion_matrix", "cross_entropy", "evaluate", "f1", "fit", "load", "load_dataset", "map_arrays", "mse",
    "named_arrays", "named_parameters", "precision", "recall", "relu", "save", "split", "static", "summary",
]  # fmt: skip
