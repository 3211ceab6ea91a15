"""Two gradients that srcgrad writes: of a function with a loop and a branch, and of a classifier's loss.

    python examples/quickstart.py [--epochs N]

The second trains a network with one hidden layer on the 1797 handwritten digits that scikit-learn ships. The model,
the loss and the optimizer are plain NumPy; only the gradient comes from srcgrad.
"""

import argparse

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from tqdm import tqdm

from srcgrad import grad

# ---- one: control flow ---------------------------------------------------------------------------------------


@grad
def f(a):
    b = a * 2
    while np.linalg.norm(b) < 1000:
        b = b * 2
    if b.sum() > 0:
        c = b
    else:
        c = 100 * b
    return c


def doubling():
    print("The gradient of the doubling function:\n")
    print(f.source)
    for start in 0.7, -0.3:
        a = np.array([start])
        c, got = f.primal(a), f(a)
        differences = (f.primal(a + 1e-6) - f.primal(a - 1e-6)) / 2e-6
        print(f"a = {start:4}:  f(a) = {got.item():<8g} c / a = {(c / a).item():<8g} "
              f"central difference = {differences.item():g}")
        np.testing.assert_allclose(got, c / a)
        np.testing.assert_allclose(got, differences, rtol=1e-6)


# ---- two: a classifier ---------------------------------------------------------------------------------------


def predict(params, x):
    hidden = np.tanh(x @ params["w1"] + params["b1"])
    return hidden @ params["w2"] + params["b2"]


@grad
def loss(params, x, labels):
    logits = predict(params, x)
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_probs = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return -log_probs[np.arange(len(labels)), labels].mean()


def accuracy(params, x, labels):
    return np.mean(predict(params, x).argmax(axis=1) == labels)


def adam(params, grads, moments, step, rate=3e-3, decay1=0.9, decay2=0.999):
    """One step of Adam, in place; moments holds a pair of running means for each parameter."""
    for name, d_param in grads.items():
        first, second = moments[name]
        first += (1 - decay1) * (d_param - first)
        second += (1 - decay2) * (d_param**2 - second)
        params[name] -= rate * (first / (1 - decay1**step)) / (np.sqrt(second / (1 - decay2**step)) + 1e-8)


def train(epochs, hidden=256, batch=32):
    images, labels = load_digits(return_X_y=True)
    x, x_test, y, y_test = train_test_split(images / 4, labels, test_size=0.2, stratify=labels, random_state=0)
    rng = np.random.default_rng(0)
    params = {
        "w1": rng.standard_normal((64, hidden)) / 8,
        "b1": np.zeros(hidden),
        "w2": rng.standard_normal((hidden, 10)) / np.sqrt(hidden),
        "b2": np.zeros(10),
    }
    moments = {name: (np.zeros_like(param), np.zeros_like(param)) for name, param in params.items()}

    step, mean_loss = 0, np.nan
    progress = tqdm(range(epochs), desc="training", unit="epoch")
    for _ in progress:
        order = rng.permutation(len(x))
        losses = []
        for start in range(0, len(x), batch):
            chosen = order[start : start + batch]
            value, grads = loss.value_and_grad(params, x[chosen], y[chosen])
            losses.append(value)
            step += 1
            adam(params, grads, moments, step)
        mean_loss = np.mean(losses)
        progress.set_postfix(loss=f"{mean_loss:.4f}", accuracy=f"{accuracy(params, x_test, y_test):.2%}")
    return mean_loss, accuracy(params, x_test, y_test)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=40, help="passes over the training images (default: 40)")
    epochs = parser.parse_args().epochs

    doubling()
    print("\nA classifier of handwritten digits, trained with the gradient of its loss:\n", flush=True)
    mean_loss, test_accuracy = train(epochs)
    print(f"training loss {mean_loss:.4f}   test accuracy {test_accuracy:.2%}")


if __name__ == "__main__":
    main()
