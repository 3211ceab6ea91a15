"""Runge-Kutta steps through a function of the user's, whose reverse needs its argument and nothing else."""

import numpy as np

ARGNUMS = (0, 1)


def rate(q, c):
    return -c * q + np.sin(q)


def primal(q, c, dt, n):
    for _ in range(n):
        r1 = rate(q, c)
        r2 = rate(q + 0.5 * dt * r1, c)
        r3 = rate(q + 0.5 * dt * r2, c)
        r4 = rate(q + dt * r3, c)
        q = q + dt / 6 * (r1 + 2 * r2 + 2 * r3 + r4)
    return np.sum(q)


def rate_rev(q, c, d_out):
    return (np.cos(q) - c) * d_out, -np.sum(q * d_out)


def gradient(q, c, dt, n, d_out=1.0):
    q_tape, q2_tape, q3_tape, q4_tape = [], [], [], []
    for _ in range(n):
        q_tape.append(q)
        r1 = rate(q, c)
        q2 = q + 0.5 * dt * r1
        q2_tape.append(q2)
        r2 = rate(q2, c)
        q3 = q + 0.5 * dt * r2
        q3_tape.append(q3)
        r3 = rate(q3, c)
        q4 = q + dt * r3
        q4_tape.append(q4)
        r4 = rate(q4, c)
        q = q + dt / 6 * (r1 + 2 * r2 + 2 * r3 + r4)

    d_c = 0.0
    d_q = np.full_like(q, d_out)
    for _ in range(n):
        d_r1 = dt / 6 * d_q
        d_q4, d_c_ = rate_rev(q4_tape.pop(), c, d_r1)
        d_c += d_c_
        d_r3 = 2 * d_r1 + dt * d_q4
        d_q3, d_c_ = rate_rev(q3_tape.pop(), c, d_r3)
        d_c += d_c_
        d_r2 = 2 * d_r1 + 0.5 * dt * d_q3
        d_q2, d_c_ = rate_rev(q2_tape.pop(), c, d_r2)
        d_c += d_c_
        d_r1 = d_r1 + 0.5 * dt * d_q2
        d_q1, d_c_ = rate_rev(q_tape.pop(), c, d_r1)
        d_c += d_c_
        d_q = d_q + d_q4 + d_q3 + d_q2 + d_q1
    return d_q, d_c, None, None


def inputs(rng):
    return rng.standard_normal(4), 0.7, 0.1, 5
