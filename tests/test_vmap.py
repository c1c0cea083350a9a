"""vmap is np.stack of calls one by one: values, dtypes and axes; gradients are those of central differences."""

import copy
import threading
from dataclasses import dataclass

import numpy as np
import pytest
from oracle import central
from random_programs import NAMED, arguments_of, compiled

from tapeless import (
    TracingError,
    UnsupportedError,
    checkpoint,
    cond,
    custom_vjp,
    fori_loop,
    grad,
    hessian,
    hvp,
    jacfwd,
    jacobian,
    jacrev,
    jvp,
    scan,
    value_and_grad,
    vjp,
    vmap,
    while_loop,
)
