"""Pickles, copies and other processes: whatever the public functions return goes there and computes the same."""

import concurrent.futures
import copy
import gc
import linecache
import multiprocessing
import os
import pickle
import threading
import time

import numpy as np
import pickled_functions
import pytest
from pickled_functions import MATRIX, Model, X, call, made, shown

from tapeless import checkpoint, custom_vjp, grad, hessian, jacobian, linearize, make_vjp, primitive, vjp, vmap
from tapeless.tracer.locks import Lock

pytest.importorskip("scipy")

MADE = made()
EXPECTED = {name: shown(function(*args)) for name, (function, args) in MADE.items()}
WAYS = [method for method in ("fork", "forkserver", "spawn") if method in multiprocessing.get_all_start_methods()]


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("name", MADE)
def test_pickle(name, protocol):
    function, args = MADE[name]
    assert shown(pickle.loads(pickle.dumps(function, protocol))(*args)) == EXPECTED[name]


@pytest.mark.parametrize("how", [copy.copy, copy.deepcopy])
@pytest.mark.parametrize("name", MADE)
def test_copy(name, how):
    function, args = MADE[name]
    assert shown(how(function)(*args)) == EXPECTED[name]


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.parametrize("way", WAYS)
def test_other_processes(way):
    """Where nothing was traced (spawn, forkserver), and where the compiled functions are there already (fork)."""
    context = multiprocessing.get_context(way)
    with concurrent.futures.ProcessPoolExecutor(2, mp_context=context) as pool:
        found = {name: pool.submit(call, function, args) for name, (function, args) in MADE.items()}
        assert {name: future.result(60) for name, future in found.items()} == EXPECTED


def test_by_name_if_a_module_holds_it():
    held = pickled_functions
    for function in (held.decorated, held.batched, held.block, held.ruled, held.pushed, held.opaque, held.structured):
        assert pickle.loads(pickle.dumps(function)) is function
        assert copy.deepcopy(function) is function
    assert pickle.loads(pickle.dumps(Model.slopes)) is Model.slopes
    assert pickle.loads(pickle.dumps(Model.loose)) is Model.loose


def test_a_method_takes_its_object_along():
    model = Model(3.0)
    again = copy.deepcopy(model.slopes)
    model.scale = 1.0
    np.testing.assert_allclose(again(X), 3 * model.slopes(X))
    both = pickle.loads(pickle.dumps((model, model.slopes)))
    both[0].scale = 2.0
    np.testing.assert_allclose(both[1](X), 2 * model.slopes(X))


def local(w):
    """A local function under the name of another one."""
    return lambda x: (x * w).sum()


@pytest.mark.parametrize("make", [grad, jacobian, hessian, vmap, make_vjp, checkpoint, custom_vjp, primitive])
def test_local_functions_fail_as_in_python(make):
    function = local(2.0)
    with pytest.raises((AttributeError, pickle.PicklingError)) as plain:
        pickle.dumps(function)
    with pytest.raises(type(plain.value)) as caught:
        pickle.dumps(make(function))
    assert str(caught.value) == str(plain.value)


def test_a_map_of_a_local_function_needs_no_function():
    """Its text and its arrays are all there is to it."""
    captured = MATRIX.copy()
    _, pullback = vjp(lambda w: np.tanh(captured @ w), X)
    _, pushed = linearize(lambda w: np.tanh(captured @ w), X)
    kept = pickle.dumps((pullback, pushed))
    expected = shown(pullback(X)), shown(pushed(X))
    captured[:] = 0
    again, moved = pickle.loads(kept)
    assert (shown(again(X)), shown(moved(X))) == expected
    assert again.source == pullback.source
    assert moved.source == pushed.source
    assert pickle.loads(pickle.dumps(again)).source == pullback.source
    gc.collect()
    assert linecache.getline(again._function.__code__.co_filename, 1).startswith("def ")  # for tracebacks


def test_nothing_runs_again_when_a_map_is_restored():
    runs = []

    def f(w):
        runs.append(1)
        return np.sin(w)

    _, pullback = vjp(f, X)
    before = len(runs)
    copy.deepcopy(pullback)(X)
    assert len(runs) == before


def test_a_copy_is_apart():
    g = copy.copy(grad(lambda w: (w**2).sum()))
    g(X)
    again = copy.copy(g)
    assert again.cache_info().misses == 0
    again(X)
    assert g.cache_info().hits == 0


# ------------------------------------------------------------------------------------------------------------- forking


@pytest.mark.skipif("fork" not in WAYS, reason="this system does not fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_child_waits_for_no_thread_that_it_does_not_have():
    inside, done = threading.Event(), threading.Event()

    def f(w):
        inside.set()
        done.wait(20)
        return np.sum(w**2 * np.ones(3))

    g = jacobian(f)
    thread = threading.Thread(target=lambda: g(X))
    thread.start()
    try:
        inside.wait(20)
        child = os.fork()
        if child == 0:
            done.set()  # its lock is not held here; nor is any other
            right = np.array_equal(g(X), 2 * X) and np.array_equal(hessian(lambda w: np.sum(w**3))(X), np.diag(6 * X))
            os._exit(0 if right else 1)
        assert _status(child) == 0
    finally:
        done.set()
        thread.join()
    np.testing.assert_array_equal(g(X), 2 * X)


def _status(child, seconds=20):
    """The exit status of a child; one that hangs is ended."""
    stop = time.monotonic() + seconds
    while time.monotonic() < stop:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    os.kill(child, 9)
    os.waitpid(child, 0)
    return "it hangs"


@pytest.mark.skipif("fork" not in WAYS, reason="this system does not fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_lock_that_the_forking_thread_holds_stays_held():
    lock = Lock()
    with lock:
        child = os.fork()
        if child == 0:
            taken = []
            other = threading.Thread(target=lambda: (lock.__enter__(), taken.append(1)), daemon=True)
            other.start()
            other.join(0.3)
            os._exit(len(taken))
        assert _status(child) == 0
