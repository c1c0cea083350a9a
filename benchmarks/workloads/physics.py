"""Programs of many steps: a pendulum, an ODE on Python floats, the heat equation with in-place writes."""

from __future__ import annotations

import math

import numpy as np

from .workload import Workload


def pendulum(theta, omega, steps):
    for _ in range(steps):
        omega = omega - 0.01 * np.sin(theta)
        theta = theta + 0.01 * omega
    return theta


def pendulum_best(theta, omega, steps):
    """On Python floats, with the math module."""
    sin, cos = math.sin, math.cos
    kept = []
    for _ in range(steps):
        kept.append(theta)
        omega = omega - 0.01 * sin(theta)
        theta = theta + 0.01 * omega
    dtheta, domega = 1.0, 0.0
    for angle in reversed(kept):
        domega += 0.01 * dtheta
        dtheta -= 0.01 * domega * cos(angle)
    return theta, (dtheta, domega)


def pendulum_naive(theta, omega, steps):
    kept = []
    for _ in range(steps):
        kept.append(theta)
        omega = omega - 0.01 * np.sin(theta)
        theta = theta + 0.01 * omega
    dtheta, domega = 1.0, 0.0
    for angle in reversed(kept):
        domega += 0.01 * dtheta
        dtheta -= 0.01 * domega * np.cos(angle)
    return theta, (dtheta, domega)


def predators(x, y, a, b, c, d, steps):
    """Lotka and Volterra's equations by the midpoint rule; the arguments are Python floats."""
    for _ in range(steps):
        dx = x * (a - b * y)
        dy = y * (c * x - d)
        middle_x = x + 0.005 * dx
        middle_y = y + 0.005 * dy
        x = x + 0.01 * (middle_x * (a - b * middle_y))
        y = y + 0.01 * (middle_y * (c * middle_x - d))
    return x * x + y


def predators_best(x, y, a, b, c, d, steps):
    kept = []
    for _ in range(steps):
        grow, shrink = a - b * y, c * x - d
        middle_x = x + 0.005 * (x * grow)
        middle_y = y + 0.005 * (y * shrink)
        middle_grow, middle_shrink = a - b * middle_y, c * middle_x - d
        kept.append((x, y, grow, shrink, middle_x, middle_y, middle_grow, middle_shrink))
        x = x + 0.01 * (middle_x * middle_grow)
        y = y + 0.01 * (middle_y * middle_shrink)
    value = x * x + y
    gx, gy = 2 * x, 1.0
    ga = gb = gc = gd = 0.0
    for x, y, grow, shrink, middle_x, middle_y, middle_grow, middle_shrink in reversed(kept):
        s, t = 0.01 * gx, 0.01 * gy
        gg, gs = s * middle_x, t * middle_y
        mx = s * middle_grow + gs * c
        my = t * middle_shrink - gg * b
        u, v = 0.005 * mx, 0.005 * my
        p, q = u * x, v * y
        ga += gg + p
        gb -= gg * middle_y + p * y
        gc += gs * middle_x + q * x
        gd -= gs + q
        gx += mx + u * grow + q * c
        gy += my + v * shrink - p * b
    return value, (gx, gy, ga, gb, gc, gd)


def predators_naive(x, y, a, b, c, d, steps):
    kept = []
    for _ in range(steps):
        kept.append((x, y))
        middle_x = x + 0.005 * (x * (a - b * y))
        middle_y = y + 0.005 * (y * (c * x - d))
        x = x + 0.01 * (middle_x * (a - b * middle_y))
        y = y + 0.01 * (middle_y * (c * middle_x - d))
    value = x * x + y
    gx, gy, parameters = 2 * x, 1.0, np.zeros(4)
    for x, y in reversed(kept):
        middle_x = x + 0.005 * (x * (a - b * y))
        middle_y = y + 0.005 * (y * (c * x - d))
        mx = 0.01 * (gx * (a - b * middle_y) + gy * middle_y * c)
        my = 0.01 * (gy * (c * middle_x - d) - gx * middle_x * b)
        both = middle_x * middle_y
        parameters += 0.01 * np.array([gx * middle_x, -gx * both, gy * both, -gy * middle_y])
        parameters += 0.005 * np.array([mx * x, -mx * x * y, my * x * y, -my * y])
        gx = gx + mx + 0.005 * (mx * (a - b * y) + my * y * c)
        gy = gy + my + 0.005 * (my * (c * x - d) - mx * x * b)
    return value, (gx, gy, *parameters)


def heat(u, conductivity, steps):
    u = u.copy()
    for _ in range(steps):
        flow = u[:-2, 1:-1] + u[2:, 1:-1] + u[1:-1, :-2] + u[1:-1, 2:] - 4 * u[1:-1, 1:-1]
        u[1:-1, 1:-1] += conductivity * flow
    return np.sum(u * u)


def neighbours(u, out):
    """The sums of the four neighbours of the inner points."""
    np.add(u[:-2, 1:-1], u[2:, 1:-1], out=out)
    out += u[1:-1, :-2]
    out += u[1:-1, 2:]
    return out


def heat_best(u, conductivity, steps):
    """Backwards the stencil is its own transpose, with zeros around the inner points; the edges gather what leaves."""
    u = u.copy()
    n, m = u.shape
    inner = u[1:-1, 1:-1]
    flows = np.empty((steps, n - 2, m - 2))
    room = np.empty((n - 2, m - 2))
    for flow in flows:
        neighbours(u, flow)
        flow -= np.multiply(inner, 4.0, out=room)
        inner += np.multiply(flow, conductivity, out=room)
    value = np.vdot(u, u)
    u *= 2
    back = np.zeros_like(u)
    dinner = back[1:-1, 1:-1]
    dinner[...] = inner
    top, bottom, left, right = np.zeros(m - 2), np.zeros(m - 2), np.zeros(n - 2), np.zeros(n - 2)
    dconductivity = 0.0
    for flow in flows[::-1]:
        dconductivity += np.einsum("ij,ij->", flow, dinner)
        top += dinner[0]
        bottom += dinner[-1]
        left += dinner[:, 0]
        right += dinner[:, -1]
        neighbours(back, room)
        room *= conductivity
        dinner *= 1 - 4 * conductivity
        dinner += room
    inner[...] = dinner
    u[0, 1:-1] += conductivity * top
    u[-1, 1:-1] += conductivity * bottom
    u[1:-1, 0] += conductivity * left
    u[1:-1, -1] += conductivity * right
    return value, (u, dconductivity)


def heat_naive(u, conductivity, steps):
    u = u.copy()
    flows = []
    for _ in range(steps):
        flows.append(u[:-2, 1:-1] + u[2:, 1:-1] + u[1:-1, :-2] + u[1:-1, 2:] - 4 * u[1:-1, 1:-1])
        u[1:-1, 1:-1] += conductivity * flows[-1]
    value = np.sum(u * u)
    du = 2 * u
    dconductivity = 0.0
    for flow in reversed(flows):
        dinner = du[1:-1, 1:-1].copy()
        dconductivity += np.sum(dinner * flow)
        dflow = conductivity * dinner
        du[:-2, 1:-1] += dflow
        du[2:, 1:-1] += dflow
        du[1:-1, :-2] += dflow
        du[1:-1, 2:] += dflow
        du[1:-1, 1:-1] -= 4 * dflow
    return value, (du, dconductivity)


WORKLOADS = [
    Workload(
        "pendulum",
        "pendulum, 300 steps of a Python loop",
        pendulum,
        pendulum_best,
        pendulum_naive,
        lambda random, steps: (0.3, 0.1, steps),
        {"steps": 300},
        {"steps": 5},
        count=2,
    ),
    Workload(
        "predators",
        "ODE on Python floats, 200 steps",
        predators,
        predators_best,
        predators_naive,
        lambda random, steps: (1.5, 1.0, 1.1, 0.4, 0.1, 0.4, steps),
        {"steps": 200},
        {"steps": 4},
        count=6,
    ),
    Workload(
        "heat",
        "heat equation in place, 100 steps, 256 x 256",
        heat,
        heat_best,
        heat_naive,
        lambda random, n, steps: (random.normal(size=(n, n)), 0.2, steps),
        {"n": 256, "steps": 100},
        {"n": 6, "steps": 3},
        count=2,
    ),
]
