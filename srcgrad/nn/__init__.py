"""Neural networks on srcgrad's public functions: models are dataclasses of arrays, and so are their gradients.

Layers and losses are functions and classes in plain NumPy, differentiated like a user's own; optimisers change the
arrays in place. Nothing in the compiler knows of this package. See docs/nn.md.
"""

from srcgrad.nn import initialisers
from srcgrad.nn.activations import (
    PReLU,
    celu,
    elu,
    gelu,
    glu,
    hard_sigmoid,
    hard_swish,
    hard_tanh,
    leaky_relu,
    log_sigmoid,
    log_softmax,
    mish,
    relu,
    relu6,
    selu,
    sigmoid,
    silu,
    softmax,
    softplus,
    softsign,
    tanh,
)
from srcgrad.nn.attention import MultiHeadAttention, TransformerBlock, attention, causal_mask, positions
from srcgrad.nn.callbacks import Average, Callback, EarlyStopping, ReduceOnPlateau
from srcgrad.nn.clipping import add_gradient, clip_by_norm, clip_by_value
from srcgrad.nn.convolution import convolve
from srcgrad.nn.convolutional import Conv1d, Conv2d, ConvTranspose2d
from srcgrad.nn.data import ArrayDataset, DataLoader, Subset, load_dataset, pad_sequences, split
from srcgrad.nn.evaluation import evaluate
from srcgrad.nn.history import History
from srcgrad.nn.layers import Dense, Embedding, Residual, Sequential, flatten
from srcgrad.nn.losses import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    cosine_similarity,
    cross_entropy,
    gaussian_nll,
    hinge,
    huber,
    kl_div,
    mae,
    mse,
    multiclass_hinge,
    nll,
    poisson_nll,
    triplet_margin,
)
from srcgrad.nn.metrics import accuracy, confusion_matrix, f1, precision, recall
from srcgrad.nn.minimise import minimize
from srcgrad.nn.module import Module, map_arrays, named_arrays, named_parameters, static, summary
from srcgrad.nn.normalisation import BatchNorm, Dropout, GroupNorm, LayerNorm, RMSNorm, follow
from srcgrad.nn.optimisers import SGD, Adadelta, Adagrad, Adam, AdamW, Lion, NAdam, Optimiser, RAdam, RMSProp
from srcgrad.nn.pooling import (
    AvgPool,
    AvgPool1d,
    MaxPool,
    MaxPool1d,
    global_avg_pool,
    global_max_pool,
    max_pool,
    mean_pool,
)
from srcgrad.nn.recurrent import GRU, LSTM, RNN, GRUCell, LSTMCell, RNNCell
from srcgrad.nn.resizing import AdaptiveAvgPool, Upsample, pixel_shuffle
from srcgrad.nn.saving import Checkpoint, load, save
from srcgrad.nn.schedules import (
    cosine,
    cosine_restarts,
    exponential,
    linear,
    multi_step,
    one_cycle,
    polynomial,
    step_decay,
    warm_up,
)
from srcgrad.nn.tensorfile import CheckpointError
from srcgrad.nn.training import Run, fit

__all__ = [
    "GRU", "LSTM", "RNN", "SGD", "Adadelta", "Adagrad", "Adam", "AdamW", "AdaptiveAvgPool", "ArrayDataset",
    "Average", "AvgPool", "AvgPool1d", "BatchNorm", "Callback", "Checkpoint", "CheckpointError", "Conv1d", "Conv2d",
    "ConvTranspose2d", "DataLoader", "Dense", "Dropout", "EarlyStopping", "Embedding", "GRUCell", "GroupNorm",
    "History", "LSTMCell", "LayerNorm", "Lion", "MaxPool", "MaxPool1d", "Module", "MultiHeadAttention", "NAdam",
    "Optimiser", "PReLU", "RAdam", "RMSNorm", "RMSProp", "RNNCell", "ReduceOnPlateau", "Residual", "Run",
    "Sequential", "Subset", "TransformerBlock", "Upsample", "accuracy", "add_gradient", "attention",
    "binary_cross_entropy", "binary_cross_entropy_with_logits", "causal_mask", "celu", "clip_by_norm",
    "clip_by_value", "confusion_matrix", "convolve", "cosine", "cosine_restarts", "cosine_similarity",
    "cross_entropy", "elu", "evaluate", "exponential", "f1", "fit", "flatten", "follow", "gaussian_nll", "gelu",
    "global_avg_pool", "global_max_pool", "glu", "hard_sigmoid", "hard_swish", "hard_tanh", "hinge", "huber",
    "initialisers", "kl_div", "leaky_relu", "linear", "load", "load_dataset", "log_sigmoid", "log_softmax", "mae",
    "map_arrays", "max_pool", "mean_pool", "minimize", "mish", "mse", "multi_step", "multiclass_hinge",
    "named_arrays", "named_parameters", "nll", "one_cycle", "pad_sequences", "pixel_shuffle", "poisson_nll",
    "polynomial", "positions", "precision", "recall", "relu", "relu6", "save", "selu", "sigmoid", "silu", "softmax",
    "softplus", "softsign", "split", "static", "step_decay", "summary", "tanh", "triplet_margin", "warm_up",
]  # fmt: skip
