"""The package as its users have it."""

import numpy as np
from halflife import fit
from halflife._gradients import misfit_value_and_grad
from halflife.model import misfit

TIMES = np.linspace(0.0, 8.0, 40)
COUNTS = 3.0 * np.exp(-0.4 * TIMES) + 1.5 * np.exp(-2.0 * TIMES)


def test_fit_finds_the_decays():
    amounts, rates, value = fit(TIMES, COUNTS, [0.3, 3.0])
    np.testing.assert_allclose(amounts, [3.0, 1.5], rtol=1e-3)
    np.testing.assert_allclose(rates, [0.4, 2.0], rtol=1e-3)
    assert value < 1e-8


def test_the_gradient_is_the_slope_of_the_model():
    amounts, log_rates = np.array([2.0, 1.0]), np.array([-1.0, 0.5])
    value, (damounts, dlog_rates) = misfit_value_and_grad(amounts, log_rates, TIMES, COUNTS)
    assert value == misfit(amounts, log_rates, TIMES, COUNTS)
    for k in range(2):
        step = 1e-6 * np.eye(2)[k]
        ends = [misfit(amounts + s * step, log_rates, TIMES, COUNTS) for s in (1, -1)]
        np.testing.assert_allclose(damounts[k], (ends[0] - ends[1]) / 2e-6, rtol=1e-6)
        ends = [misfit(amounts, log_rates + s * step, TIMES, COUNTS) for s in (1, -1)]
        np.testing.assert_allclose(dlog_rates[k], (ends[0] - ends[1]) / 2e-6, rtol=1e-6)
