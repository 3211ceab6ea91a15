"""An LSTM that learns to continue a text, character by character, and writes a line of its own.

    python examples/characters.py [--steps N] [--units N]
"""

import argparse
from pathlib import Path

import numpy as np
from tqdm import tqdm

from srcgrad import nn, value_and_grad

TEXT = (Path(__file__).parent / "harbour.txt").read_text(encoding="utf-8").replace("\n", " ")
LETTERS = sorted(set(TEXT))


class Writer(nn.Module):
    """Indices of characters (batch, time) to logits of the next ones, and the state to go on from."""

    embedding: nn.Embedding
    lstm: nn.LSTM
    output: nn.Dense

    def __call__(self, indices, state=None):
        hs, state = self.lstm(self.embedding(indices), state)
        return self.output(hs), state


@value_and_grad
def loss(model, indices):
    logits, _ = model(indices[:, :-1])
    return nn.cross_entropy(logits, indices[:, 1:])


def write(model, start, length, rng):
    """The start, continued by so many characters that are drawn from what the model predicts."""
    indices = [LETTERS.index(letter) for letter in start]
    logits, state = model(np.array([indices]))
    for _ in range(length):
        p = nn.softmax(logits[0, -1].astype(float) / 0.5)
        indices.append(rng.choice(len(LETTERS), p=p))
        logits, state = model(np.array([indices[-1:]]), state)
    return "".join(LETTERS[k] for k in indices)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=400, help="training steps (default: 400)")
    parser.add_argument("--units", type=int, default=128, help="units of the LSTM (default: 128)")
    given = parser.parse_args()

    rng = np.random.default_rng(0)
    text = np.array([LETTERS.index(letter) for letter in TEXT])
    model = Writer(
        nn.Embedding(len(LETTERS), 32, rng=rng), nn.LSTM(32, given.units, rng=rng),
        nn.Dense(given.units, len(LETTERS), rng=rng),
    )  # fmt: skip
    optimiser = nn.Adam(model, nn.cosine(1e-2, given.steps))
    losses, progress = [], tqdm(range(given.steps), desc="training", unit="step")
    for _ in progress:
        starts = rng.integers(0, len(text) - 41, 32)
        value, d_model = loss(model, text[starts[:, None] + np.arange(41)])
        nn.clip_by_norm(d_model, 1.0)
        optimiser.step(d_model)
        losses.append(float(value))
        progress.set_postfix(loss=f"{value:.3f}")
    print(f"loss of the first step {losses[0]:.3f}, of the last ten {np.mean(losses[-10:]):.3f}\n")
    print(write(model, "The harbour", 160, rng))


if __name__ == "__main__":
    main()
