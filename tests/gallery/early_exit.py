"""A scan of a list that skips some items and may return in the middle."""

ARGNUMS = (0,)


def primal(items, bound):
    acc = 0.0
    for v in items:
        if v < 0:
            continue
        acc += v * v
        if acc > bound:
            return acc * acc
    return acc


def gradient(items, bound, d_out=1.0):
    acc = 0.0
    trips = 0
    returned = False
    for v in items:
        trips += 1
        if v < 0:
            continue
        acc += v * v
        if acc > bound:
            returned = True
            break

    d_items = [0.0] * len(items)
    d_acc = d_out * 2 * acc if returned else d_out
    for i in reversed(range(trips)):
        v = items[i]
        if not v < 0:
            d_items[i] += d_acc * 2 * v
    return d_items, None


def inputs(rng):
    return [float(v) for v in rng.standard_normal(9)], 2.5
