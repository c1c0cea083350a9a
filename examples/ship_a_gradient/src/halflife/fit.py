"""The fit: Broyden, Fletcher, Goldfarb and Shanno's method, with the gradient that lies beside it."""

import numpy as np

from ._gradients import misfit_value_and_grad


def fit(times, counts, rates, steps=500):
    """(amounts[k], rates[k], misfit) for counts[n] at times[n], from a first guess of the rates[k]."""
    k = len(rates)

    def evaluated(place):
        value, gradients = misfit_value_and_grad(place[:k], place[k:], times, counts)
        return value, np.concatenate(gradients)

    place = np.concatenate([np.full(k, counts[0] / k), np.log(rates)])
    value, slope = evaluated(place)
    inverse = np.eye(2 * k)
    for _ in range(steps):
        step = -inverse @ slope
        while True:
            new_value, new_slope = evaluated(place + step)
            if new_value <= value + 1e-4 * (slope @ step) or np.abs(step).max() < 1e-12:
                break
            step = step / 2
        turned = new_slope - slope
        if turned @ step <= 0:
            break
        rho = 1 / (turned @ step)
        left = np.eye(2 * k) - rho * np.outer(step, turned)
        inverse = left @ inverse @ left.T + rho * np.outer(step, step)
        place, value, slope = place + step, new_value, new_slope
    return place[:k], np.exp(place[k:]), value
