"""The model, in plain NumPy. After a change here: `tapeless compile`, and read what changed in _gradients.py."""

import numpy as np


def misfit(amounts, log_rates, times, counts):
    """Half the mean squared distance of counts[n] at times[n] from the sum of the decays amounts[k], log_rates[k]."""
    decayed = np.exp(-np.exp(log_rates) * times[:, None])
    residual = decayed @ amounts - counts
    return 0.5 * np.mean(residual**2)
