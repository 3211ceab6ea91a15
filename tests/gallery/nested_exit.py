"""A `break` under two branches: one flag tells the reverse sweep what the jump left out."""

ARGNUMS = (0,)


def primal(x, n):
    u, gain = x, 1.0
    for _k in range(n):
        u = u * (1.5 + 0.1 * x)
        if u > 3:
            gain = gain * u
            if gain > 40:
                break
            u = u / 3
        gain = gain + 0.1 * u
    return gain * u


def gradient(x, n, d_out=1.0):
    u, gain = x, 1.0
    trips = 0
    u_tape, gain_tape, over_tape = [], [], []
    broke = False
    for _k in range(n):
        trips += 1
        u_tape.append(u)
        u = u * (1.5 + 0.1 * x)
        over = u > 3
        over_tape.append(over)
        if over:
            gain_tape.append(gain)
            gain = gain * u
            if gain > 40:
                broke = True
                break
            u = u / 3
        gain = gain + 0.1 * u

    d_x = 0.0
    d_gain, d_u = d_out * u, d_out * gain
    for _ in range(trips):
        if not broke:
            d_u += 0.1 * d_gain
        u = u_tape.pop()
        if over_tape.pop():
            if not broke:
                d_u = d_u / 3
            d_u += d_gain * gain_tape.pop()
            d_gain = d_gain * (u * (1.5 + 0.1 * x))
        broke = False
        d_x += 0.1 * u * d_u
        d_u = d_u * (1.5 + 0.1 * x)
    return d_x + d_u, None


def inputs(rng):
    return float(rng.uniform(0.8, 1.6)), int(rng.integers(3, 12))
