"""A ResNet-18 (He et al. 2016) for RGB images of 64 x 64 pixels: training steps, and the gradient of one block.

    python examples/resnet.py [--steps N] [--batch N] [--width N]

The images are made up: each class is a colour and a direction of stripes, under noise. The gradient that is printed is
that of one residual block, as srcgrad wrote it.
"""

import argparse
import time

import numpy as np
from tqdm import tqdm

from srcgrad import grad, nn, value_and_grad


def block(inputs, outputs, stride, rng):
    """Two convolutions of 3 x 3 pixels beside a shortcut, which is a convolution where the shape changes."""
    layer = nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride=stride, bias=False, rng=rng), nn.BatchNorm(outputs), nn.relu,
        nn.Conv2d(outputs, outputs, 3, bias=False, rng=rng), nn.BatchNorm(outputs),
    )  # fmt: skip
    shortcut = None
    if stride != 1 or inputs != outputs:
        convolution = nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False, rng=rng)
        shortcut = nn.Sequential(convolution, nn.BatchNorm(outputs))
    return nn.Residual(layer, shortcut=shortcut, activation=nn.relu)


def resnet18(classes, rng, width=64):
    """x (batch, 64, 64, 3) to logits (batch, classes)."""
    layers = [
        nn.Conv2d(3, width, 7, stride=2, padding=3, bias=False, rng=rng), nn.BatchNorm(width), nn.relu,
        nn.MaxPool(3, stride=2, padding=1),
    ]  # fmt: skip
    inputs = width
    for stage in range(4):
        outputs = width * 2**stage
        layers += [block(inputs, outputs, 1 if stage == 0 else 2, rng), block(outputs, outputs, 1, rng)]
        inputs = outputs
    return nn.Sequential(*layers, nn.global_avg_pool, nn.Dense(inputs, classes, rng=rng))


@value_and_grad
def loss(model, images, labels):
    return nn.cross_entropy(model(images), labels)


def stripes(count, classes, rng):
    """Images, and which of the classes each belongs to."""
    labels = rng.integers(0, classes, count)
    rows, columns = np.mgrid[0:64, 0:64] / 64
    angle, phase = np.pi * labels / classes, rng.uniform(0, 2 * np.pi, count)
    along = np.cos(angle)[:, None, None] * rows + np.sin(angle)[:, None, None] * columns
    waves = np.sin(25 * along + phase[:, None, None])
    colours = np.random.default_rng(0).standard_normal((classes, 3))[labels]
    images = waves[..., None] + 0.3 * colours[:, None, None] + 0.5 * rng.standard_normal((count, 64, 64, 3))
    return images.astype(np.float32), labels


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=30, help="training steps (default: 30)")
    parser.add_argument("--batch", type=int, default=32, help="images in a step (default: 32)")
    parser.add_argument("--width", type=int, default=64, help="channels of the first stage (default: 64)")
    given = parser.parse_args()

    rng = np.random.default_rng(0)
    model = resnet18(10, rng, given.width)
    count = sum(array.size for array in model.parameters())
    print(f"ResNet-18 with {count:,} parameters")
    print("The gradient of one of its blocks:\n")
    one, x = model.layers[4], rng.standard_normal((2, 16, 16, given.width)).astype(np.float32)
    print(grad(lambda block, x: np.sum(block(x)), argnums=(0, 1)).source_for(one, x))

    optimiser = nn.SGD(model, nn.cosine(0.05, given.steps), momentum=0.9, nesterov=True, decay=1e-4)
    losses, progress = [], tqdm(range(given.steps), desc="training", unit="step")
    start = time.perf_counter()
    for _ in progress:
        images, labels = stripes(given.batch, 10, rng)
        value, d_model = loss(model, images, labels)
        optimiser.step(d_model)
        losses.append(float(value))
        progress.set_postfix(loss=f"{value:.3f}")
    took = (time.perf_counter() - start) / given.steps
    print(f"loss of the first step {losses[0]:.3f}, of the last five {np.mean(losses[-5:]):.3f}; {took:.2f} s a step")
    images, labels = stripes(200, 10, rng)
    right = np.mean(model.eval()(images).argmax(axis=1) == labels)
    print(f"accuracy on new images, with the running statistics: {right:.0%}")


if __name__ == "__main__":
    main()
