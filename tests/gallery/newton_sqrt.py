"""Newton's iteration until it has converged: each iterate is taped."""

ARGNUMS = (0,)


def primal(a):
    r = a
    while abs(r * r - a) > 1e-10:
        r = 0.5 * (r + a / r)
    return r


def gradient(a, d_out=1.0):
    r = a
    r_tape = []
    while abs(r * r - a) > 1e-10:
        r_tape.append(r)
        r = 0.5 * (r + a / r)

    d_a = 0.0
    d_r = d_out
    while r_tape:
        r = r_tape.pop()
        d_half = 0.5 * d_r
        d_a += d_half / r
        d_r = d_half - d_half * a / (r * r)
    return d_a + d_r


def inputs(rng):
    return (float(rng.uniform(1.5, 9.0)),)
