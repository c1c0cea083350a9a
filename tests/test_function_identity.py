"""What a derivative keeps of its function: name, docstring, signature, its place in a class; and its types."""

import functools
import inspect
import pydoc
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import typed_user

import tapeless
from tapeless import (
    checkpoint,
    custom_jvp,
    custom_vjp,
    deriv,
    elementwise_grad,
    ggnvp,
    grad,
    grad_named,
    hessian,
    holomorphic_grad,
    hvp,
    jacfwd,
    jacobian,
    jacrev,
    linearize,
    make_jvp,
    make_vjp,
    primitive,
    sparse_hessian,
    sparse_jacobian,
    sparsity,
    value_and_grad,
    value_and_jacobian,
    vjp,
    vmap,
)

X = np.array([0.5, -1.0, 2.0])
ROOT = Path(__file__).parents[1]


def f(x: np.ndarray, y: float = 2.0, *, z: int = 1) -> np.ndarray:
    """What it does."""
    return np.sin(x) * y * z


KINDS = {
    "grad": grad,
    "value_and_grad": value_and_grad,
    "jacobian": jacobian,
    "jacrev": jacrev,
    "jacfwd": jacfwd,
    "value_and_jacobian": value_and_jacobian,
    "hessian": hessian,
    "elementwise_grad": elementwise_grad,
    "deriv": deriv,
    "holomorphic_grad": holomorphic_grad,
    "grad_named": lambda f: grad_named(f, "x"),
    "vmap": vmap,
    "make_jvp": make_jvp,
    "make_vjp": make_vjp,
    "sparse_jacobian": sparse_jacobian,
    "sparse_hessian": sparse_hessian,
    "sparsity": sparsity,
    "checkpoint": checkpoint,
    "custom_vjp": custom_vjp,
    "custom_jvp": custom_jvp,
    "vmap of grad": lambda f: vmap(grad(f)),
    "with options": jacobian(argnums="x"),
    "hvp": hvp,
    "ggnvp": ggnvp,
    "primitive": primitive,
}
PARAMETERS = {
    **dict.fromkeys(("hvp", "ggnvp"), "(x: numpy.ndarray, y: float = 2.0, *, z: int = 1, v)"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_name_docstring_and_signature(kind):
    g = KINDS[kind](f)
    assert (g.__name__, g.__qualname__, g.__module__, g.__doc__) == ("f", "f", __name__, "What it does.")
    assert str(inspect.signature(g)) == PARAMETERS.get(kind, str(inspect.signature(f)))
    if kind != "primitive":  # whose code is nobody's business
        assert inspect.unwrap(g) is f
    page = pydoc.render_doc(g, renderer=pydoc.plaintext)
    assert "f(x: numpy.ndarray, y: float" in page
    assert "What it does." in page


REPRS = {
    "grad": "<tapeless f_grad>",
    "value_and_grad": "<tapeless f_value_and_grad>",
    "jacrev": "<tapeless f_jacobian>",
    "hvp": "<tapeless f_hvp>",
    "vmap of grad": "<tapeless f_vmap>",
    "make_jvp": "<tapeless f_make_jvp>",
    "make_vjp": "<tapeless f_make_vjp>",
    "sparse_hessian": "<tapeless f_sparse_hessian>",
    "sparsity": "<tapeless f_sparsity>",
    "checkpoint": "<checkpoint f>",
    "custom_vjp": "<custom_vjp f>",
    "primitive": "<primitive f>",
}


@pytest.mark.parametrize("kind", REPRS)
def test_repr(kind):
    assert repr(KINDS[kind](f)) == REPRS[kind]


def test_repr_of_maps():
    assert repr(vjp(f, X)[1]) == repr(make_vjp(f)(X)[0]) == "<tapeless pullback of f>"
    assert repr(linearize(f, X)[1]) == repr(make_jvp(f)(X)) == "<tapeless pushforward of f>"


class Quadratic:
    """A callable object."""

    def __call__(self, x):
        return np.sum(x**2)


@pytest.mark.parametrize("make", [grad, hessian, hvp, vmap, make_vjp, checkpoint, sparse_jacobian])
def test_of_what_is_no_function(make):
    of_object, of_partial = make(Quadratic()), make(functools.partial(f, y=3.0))
    assert (of_object.__name__, of_object.__doc__) == ("Quadratic", "A callable object.")
    assert next(iter(inspect.signature(of_object).parameters)) == "x"
    assert of_partial.__name__ == "partial"
    assert inspect.signature(of_partial).parameters["x"].annotation is np.ndarray


def test_a_partial_has_the_docstring_of_its_function():
    assert grad(functools.partial(f, y=3.0)).__doc__ == jacobian(functools.partial(f)).__doc__ == "What it does."


@pytest.mark.parametrize("make", [elementwise_grad, vmap])
def test_of_a_ufunc(make):
    g = make(np.sin)
    assert (g.__name__, g.__module__) == ("sin", "numpy")
    assert str(inspect.signature(g)) == "(x, /)"
    np.testing.assert_allclose(g(X), np.cos(X) if make is elementwise_grad else np.sin(X))


class Model:
    def __init__(self, scale):
        self.scale = scale

    def cubes(self, x):
        """The cubes."""
        return x**3 * self.scale

    slopes = jacobian(cubes)
    pulled = make_vjp(cubes)
    pushed = make_jvp(cubes)
    sparse = sparse_jacobian(cubes)
    structure = sparsity(cubes)
    again = checkpoint(cubes)
    many = vmap(cubes)
    products = hvp(lambda self, x: self.cubes(x).sum())
    loose = staticmethod(jacobian(lambda x: x**3))


@pytest.mark.parametrize(
    "value",
    [
        lambda model: model.slopes(X),
        lambda model: model.pulled(X)[0](X),
        lambda model: model.pushed(X)(X)[1],
        lambda model: model.sparse(X).toarray(),
        lambda model: model.structure(X).toarray() * model.slopes(X),
        lambda model: jacobian(model.again)(X),
        lambda model: model.many(X),
        lambda model: model.products(X, X),
    ],
)
def test_as_methods(value):
    pytest.importorskip("scipy")
    np.testing.assert_allclose(value(Model(2.0)), 2 * value(Model(1.0)))
    assert np.any(value(Model(1.0)))


def test_a_method_keeps_name_docstring_and_signature():
    model = Model(2.0)
    for g in (model.slopes, model.pulled, model.pushed, model.sparse, model.many):
        assert (g.__name__, g.__doc__, str(inspect.signature(g))) == ("cubes", "The cubes.", "(x)")
    assert model.slopes is model.slopes  # compiled once
    assert model.slopes is not Model(2.0).slopes
    assert Model.slopes is Model.__dict__["slopes"]
    assert str(inspect.signature(Model.slopes)) == "(self, x)"
    np.testing.assert_allclose(model.loose(X), np.diag(3 * X**2))
    np.testing.assert_allclose(jacobian(model.cubes)(X), model.slopes(X))


# ---------------------------------------------------------------------------------------------------------------- types


def test_what_is_said_of_types_is_so():
    typed_user.run()


def test_mypy_knows_the_types(tmp_path):
    """Also that each mistake in `refused` is found: a comment that ignores nothing is an error there."""
    pytest.importorskip("mypy", reason="mypy is not installed; .ci/run checks typed_user.py with everything else")
    (tmp_path / "tapeless").symlink_to(ROOT, target_is_directory=True)
    words = ["--config-file", "tapeless/pyproject.toml", "--cache-dir", "cache", "--follow-imports", "silent"]
    command = [sys.executable, "-m", "mypy", *words, "-m", "tapeless.tests.typed_user"]
    done = subprocess.run(command, cwd=tmp_path, env={"MYPYPATH": str(tmp_path)}, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_types_are_marked_as_such():
    assert (Path(tapeless.__file__).parent / "py.typed").is_file()
