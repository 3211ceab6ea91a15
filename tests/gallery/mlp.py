"""A classifier with one hidden layer and its cross-entropy, for parameters in a dict."""

import numpy as np

ARGNUMS = (0,)


def primal(p, x, y):
    hidden = np.tanh(x @ p["w1"] + p["b1"])
    scores = hidden @ p["w2"] + p["b2"]
    centred = scores - scores.max(axis=1, keepdims=True)
    logs = centred - np.log(np.exp(centred).sum(axis=1, keepdims=True))
    return -logs[np.arange(len(y)), y].mean()


def gradient(p, x, y, d_out=1.0):
    hidden = np.tanh(x @ p["w1"] + p["b1"])
    scores = hidden @ p["w2"] + p["b2"]
    centred = scores - scores.max(axis=1, keepdims=True)
    powers = np.exp(centred)
    rows = np.arange(len(y))

    d_logs = np.zeros_like(scores)
    d_logs[rows, y] = -d_out / len(y)
    d_scores = d_logs - powers * (d_logs.sum(axis=1, keepdims=True) / powers.sum(axis=1, keepdims=True))
    d_hidden = d_scores @ p["w2"].T
    d_w2 = hidden.T @ d_scores
    d_b2 = d_scores.sum(axis=0)
    d_pre = d_hidden * (1 - hidden * hidden)
    d_w1 = x.T @ d_pre
    d_b1 = d_pre.sum(axis=0)
    return {"w1": d_w1, "b1": d_b1, "w2": d_w2, "b2": d_b2}


def inputs(rng):
    p = {
        "w1": rng.standard_normal((4, 5)) * 0.5,
        "b1": rng.standard_normal(5) * 0.1,
        "w2": rng.standard_normal((5, 3)) * 0.5,
        "b2": rng.standard_normal(3) * 0.1,
    }
    return p, rng.standard_normal((6, 4)), rng.integers(0, 3, 6)
