"""What a trace depends on: each change of it between processes is seen, and what cannot be compared is not kept."""

import gc
import importlib
import os
import shutil
import sys
import textwrap

import numpy as np
import pytest
from kept_modules import Modules, X, called

from tapeless import grad


@pytest.fixture
def load(tmp_path, monkeypatch):
    return Modules(tmp_path, monkeypatch)


# ruff: noqa: E501
CHANGES = {
    "a number": ("K = 2.0\ndef f(x): return (x * K).sum()", "K = 3.0"),
    "zero's sign": ("K = 0.0\ndef f(x): return (np.copysign(1.0, K) * x).sum()", "K = -0.0"),
    "a number's type": ("K = 1\ndef f(x): return (x * (2.0 if K is True else 1.0)).sum()", "K = True"),
    "the function": ("def f(x): return (x * 2).sum()", "def f(x): return (x * 3).sum()"),
    "a function": ("def h(x): return x * 2\ndef f(x): return h(x).sum()", "def h(x): return x * 3"),
    "a function's function": ("def k(x): return x * 2\ndef h(x): return k(x)\ndef f(x): return h(x).sum()", "def k(x): return x * 3"),
    "a default": ("def h(x, k=2.0): return x * k\ndef f(x): return h(x).sum()", "def h(x, k=3.0): return x * k"),
    "a keyword's default": ("def h(x, *, k=2.0): return x * k\ndef f(x): return h(x).sum()", "def h(x, *, k=3.0): return x * k"),
    "an argument's default": ("def f(x, k=2): return (x * k).sum()", "def f(x, k=3): return (x * k).sum()"),
    "a closure": ("def make(k): return lambda x: (x * k).sum()\nf = make(2.0)", "f = make(3.0)"),
    "a list": ("K = [1.0, [2.0]]\ndef f(x): return (x * K[1][0]).sum()", "K = [1.0, [3.0]]"),
    "a dict's order": ("K = {'a': 1.0, 'b': 2.0}\ndef f(x): return (x * list(K.values())[0]).sum()", "K = {'b': 2.0, 'a': 1.0}"),
    "a string": ("K = 'sin'\ndef f(x): return getattr(np, K)(x).sum()", "K = 'cos'"),
    "a set": ("K = {1, 2}\ndef f(x): return (x * sum(K)).sum()", "K = {1, 3}"),
    "an array": ("K = np.array([1.0, 2.0, 3.0])\ndef f(x): return (x * K).sum()", "K = np.array([1.0, 2.0, 4.0])"),
    "an array's dtype": ("K = np.zeros(3, 'i8')\ndef f(x): return (x * (K.dtype.kind == 'f')).sum()", "K = np.zeros(3, 'f8')"),
    "an array's sum": ("K = np.ones(3)\ndef f(x): return (x * float(K.sum())).sum()", "K = np.ones(3) * 2"),
    "an attribute": ("class M: pass\nm = M()\nm.k = 2.0\ndef f(x): return (x * m.k).sum()", "m.k = 3.0"),
    "a class's attribute": ("class M: k = 2.0\ndef f(x): return (x * M.k).sum()", "M.k = 3.0"),
    "a method": ("class M:\n  def h(self, x): return x * 2\nm = M()\ndef f(x): return m.h(x).sum()", "M.h = lambda self, x: x * 3"),
    "a base's method": ("class B:\n  def h(self, x): return x * 2\nclass M(B): pass\nm = M()\ndef f(x): return m.h(x).sum()", "B.h = lambda self, x: x * 3"),
    "an operator": ("class M:\n  def __mul__(self, x): return x * 2\nm = M()\ndef f(x): return (m * x).sum()", "M.__mul__ = lambda self, x: x * 3"),
    "a property": ("class M:\n  k = property(lambda self: 2.0)\nm = M()\ndef f(x): return (x * m.k).sum()", "M.k = property(lambda self: 3.0)"),
    "a bound method": ("class M:\n  def __init__(self, k): self.k = k\n  def h(self, x): return (x * self.k).sum()\nf = M(2.0).h", "f = M(3.0).h"),
    "an object that is called": ("class M:\n  def __init__(self, k): self.k = k\n  def __call__(self, x): return (x * self.k).sum()\nf = M(2.0)", "f = M(3.0)"),
    "a partial": ("def h(k, x): return (x * k).sum()\nf = functools.partial(h, 2.0)", "f = functools.partial(h, 3.0)"),
    "a function in a list": ("H = [lambda x: x * 2]\ndef f(x): return H[0](x).sum()", "H = [lambda x: x * 3]"),
    "a decorated function": ("""
        def scaled(k):
            def decorate(h):
                @functools.wraps(h)
                def run(x): return k * h(x)
                return run
            return decorate
        @scaled(2.0)
        def f(x): return x.sum()""", "f = scaled(3.0)(f.__wrapped__)"),
    "a function's attribute": ("def h(x): return x * h.k\nh.k = 2.0\ndef f(x): return h(x).sum()", "h.k = 3.0"),
    "a name that is there": ("""
        def f(x):
            try: return (x * K).sum()
            except NameError: return x.sum()""", "K = 3.0"),
    "one thing or two": ("A = [1.0]\nB = [1.0]\ndef f(x): return (x * (3 if A is B else 2)).sum()", "B = A"),
    "an inner gradient's options": ("h = grad(lambda a, b: (a * b**2).sum())\ndef f(x): return h(x, 3 * x).sum()", "h = grad(h.__wrapped__, argnums=1)"),
    "a rule": ("""
        from tapeless import custom_vjp
        @custom_vjp
        def h(x): return x * 2
        h.defvjp(lambda x: (h(x), None), lambda _, g: (g * 2,))
        def f(x): return h(x).sum()""", "h.defvjp(lambda x: (h(x), None), lambda _, g: (g * 3,))"),
    "a method of an argument": ("""
        import dataclasses
        @dataclasses.dataclass
        class P:
            w: np.ndarray
            def scaled(self): return self.w * 2
        ARGS = (P(np.ones(3)),)
        def f(p): return p.scaled().sum()""", "P.scaled = lambda self: self.w * 3"),
    "a static argument": ("ARGS = (np.ones(3), 'a')\ndef f(x, s): return x.sum() * {'a': 2, 'b': 3}[s]", "ARGS = (np.ones(3), 'b')"),
    "a function as argument": ("def h(x): return x * 2\ndef f(x, h): return h(x).sum()\nARGS = (np.ones(3), h)", "def h(x): return x * 3\nARGS = (np.ones(3), h)"),
    "a dataclass": ("""
        import dataclasses
        @dataclasses.dataclass
        class P:
            k: float
            a: list = dataclasses.field(default_factory=lambda: [1.0])
            def scaled(self, x): return x * self.k * self.a[0]
        p = P(2.0)
        def f(x): return p.scaled(x).sum()""", "p = P(2.0, [3.0])"),
    "a dataclass that is made": ("""
        import dataclasses
        @dataclasses.dataclass
        class P:
            k: float
            a: list = dataclasses.field(default_factory=lambda: [1.0])
            def __post_init__(self): self.b = self.k * self.a[0]
        def f(x): return (x * P(2.0).b).sum()""", "P.__post_init__ = lambda self: setattr(self, 'b', 5.0)"),
    "a named tuple": ("""
        import typing
        class P(typing.NamedTuple):
            w: np.ndarray
            def scaled(self): return self.w * 2
        ARGS = (P(np.ones(3)),)
        def f(p): return p.scaled().sum() + p._replace(w=p.w * 2).w.sum()""", "P.scaled = lambda self: self.w * 3"),
    "a generator as a context": ("""
        import contextlib
        K = 2.0
        @contextlib.contextmanager
        def h(): yield K
        def f(x):
            with h() as k: return (x * k).sum()""", "K = 3.0"),
    "a pattern": ("import re\nK = re.compile('a')\ndef f(x): return (x * (2 if K.match('a') else 3)).sum()", "K = re.compile('b')"),
    "a class's name": ("class M: pass\ndef f(x): return (x * len(M.__name__)).sum()", "M.__name__ = 'MM'"),
    "a slot": ("class M: __slots__ = ('k',)\nm = M()\nm.k = 2.0\ndef f(x): return (x * m.k).sum()", "m.k = 3.0"),
    "an enum": ("import enum\nclass E(enum.Enum): A = 2.0\ndef f(x): return (x * E.A.value).sum()", "class E(enum.Enum): A = 3.0"),
    "a library's object": ("K = np.polynomial.Polynomial([0.0, 2.0])\ndef f(x): return (x * K.coef[1]).sum()", "K = np.polynomial.Polynomial([0.0, 3.0])"),
    "a function within": ("h = np.vectorize(lambda k: k * 2.0)\ndef f(x): return (x * h.pyfunc(1.0)).sum()", "h = np.vectorize(lambda k: k * 3.0)"),
    "an array that a stand-in meets": ("A = np.arange(9.0).reshape(3, 3)\ndef f(x): return A.dot(x).sum()", "A = A.T"),
    "a module under a name": ("import operator as m\ndef f(x): return (x * m.add(1.0, 1.0)).sum()", "import numpy as m"),
    "a library's number": ("import types\nm = types.ModuleType('numpy.mine')\nm.k = 2.0\ndef f(x): return (x * m.k).sum()", "m.k = 3.0"),
    "the order of fields": ("""
        import dataclasses
        @dataclasses.dataclass
        class P: a: float; b: float
        p = P(2.0, 3.0)
        def f(x):
            match p:
                case P(k, _): return (x * k).sum()""", "P.__match_args__ = ('b', 'a')"),
    "a field's metadata": ("""
        import dataclasses
        @dataclasses.dataclass
        class P: a: float = dataclasses.field(default=1.0, metadata={'k': 2.0})
        p = P()
        def f(x): return (x * dataclasses.fields(p)[0].metadata['k']).sum()""", """
@dataclasses.dataclass
class P: a: float = dataclasses.field(default=1.0, metadata={'k': 3.0})
p = P()"""),
    "a member of a set": ("K = 'a'\ndef f(x): return (x * (2.0 if K in {'a', 'b'} else 3.0)).sum()", "K = 'c'"),
    "what is remembered": ("@functools.lru_cache\ndef h(n): return n * 2.0\ndef f(x): return (x * h(1)).sum()", "@functools.lru_cache\ndef h(n): return n * 3.0"),
}  # fmt: skip


@pytest.mark.parametrize("what", CHANGES)
def test_what_changes_between_processes_is_seen(what, load, tmp_path):
    before, change = CHANGES[what]
    before = textwrap.dedent(before)
    folder = tmp_path / "cache"
    first, traced, g = called(load(before), folder)
    assert traced
    assert "kept in" in g.explain(), g.explain()
    again, traced, h = called(load(before), folder)
    assert not traced, h.explain()
    assert h.source == g.source
    assert repr(again) == repr(first)
    module = load(f"{before}\n{change}")
    changed, traced, _ = called(module, folder)
    assert traced
    assert repr(changed) == repr(grad(module.f)(*getattr(module, "ARGS", (X,))))


REFUSED = {
    "os.getpid": "import os\ndef f(x): return (x * (os.getpid() > 0)).sum()",
    "os": "import os\ndef f(x): return (x * len(os.sep)).sum()",
    "posix.getpid": "from os import getpid\ndef f(x): return (x * (getpid() > 0)).sum()",
    "environ": "import os\ndef f(x): return (x * len(os.environ.get('HOME', ''))).sum()",
    "sys.argv": "import sys\ndef f(x): return (x * len(sys.argv)).sum()",
    "sys": "import sys\ns = sys\ndef f(x): return (x * len(s.argv)).sum()",
    "an import": "def f(x):\n  import platform\n  return (x * len(platform.node())).sum()",
    "hash": "def f(x): return (x * (hash('a') != 0)).sum()",
    "id": "def f(x): return (x * (id(f) > 0)).sum()",
    "a log": "import logging\nlog = logging.getLogger('a')\ndef f(x):\n  log.info('f')\n  return x.sum()",
    "a written file": "def f(x):\n  open('/dev/null', 'w').close()\n  return x.sum()",
    "np.vectorize": "h = np.vectorize(lambda k: k * 2.0)\ndef f(x): return (x * h(np.ones(3))).sum()",
    "a set's order": "def f(x): return (x * len({len(str(n)) for n in x.shape})).sum()",
    "a set that is run through": "def f(x):\n  for k in {'a', 'b'}: x = x * {'a': 2, 'b': 3}[k]\n  return x.sum()",
    "a set of strings": "K = {'a', 'b'}\ndef f(x): return (x * ord(sorted(K)[0])).sum()",
    "a function of NumPy's that was replaced": "import types\nm = types.ModuleType('numpy.mine')\nm.h = lambda x: x * 2\ndef f(x): return m.h(x).sum()",
    "a hidden name": "import operator\nclass M: k = 2.0\nget = operator.attrgetter('k')\ndef f(x): return (x * get(M)).sum()",
    "a docstring": "def h(): 'a'\ndef f(x): return (x * len(h.__doc__)).sum()",
    "annotations": "def h(a: int): pass\ndef f(x): return (x * len(h.__annotations__)).sum()",
    "dir": "class M: k = 2.0\ndef f(x): return (x * len([n for n in dir(M) if n[0] != '_'])).sum()",
    "subclasses": "class M: k = 2.0\ndef f(x): return (x * (2 + len(M.__subclasses__()))).sum()",
    "a dispatch": "@functools.singledispatch\ndef h(k): return 2.0\nh.register(int, lambda k: 3.0)\ndef f(x): return (x * h(1)).sum()",
    "decimals": "import decimal\nK = decimal.Decimal(2)\ndef f(x): return (x * float(K / 3)).sum()",
    "a library": "import pytest\ndef f(x): return (x * (pytest.approx(1.0) == 1.0)).sum()",
    "a counter": "n = [0]\ndef f(x):\n  n[0] = n[0] + 1\n  return (x * n[0]).sum()",
    "what was remembered": "@functools.lru_cache\ndef h(n): return n * 2.0\nh(1)\ndef f(x): return (x * h(1)).sum()",
    "a context": "import contextvars\nv = contextvars.ContextVar('v', default=2.0)\ndef f(x): return (x * v.get()).sum()",
    "a thread's own": "import threading\nv = threading.local()\nv.k = 2.0\ndef f(x): return (x * v.k).sum()",
    "a weak reference": "import weakref\nK = np.ones(3)\nr = weakref.ref(K)\ndef f(x): return (x * (r() is not None)).sum()",
    "an array of a file": "K = np.memmap(__file__, 'u1', 'r')\ndef f(x): return (x * float(K[0])).sum()",
    "a generator's state": "r = np.random.default_rng(0)\ndef f(x): return (x * (r.bit_generator.state['state']['inc'] % 3)).sum()",
    "an opaque function": "from tapeless import primitive, defvjp\nh = primitive(lambda x: x * 2)\ndefvjp(h, lambda a, x: lambda g: g * 2)\ndef f(x): return h(x).sum()",
    "code from text": "def f(x): return (x * eval('1 + 1')).sum()",
    "error states": "def f(x): return (x * (np.geterr()['over'] == 'warn')).sum()",
    "an import of one's own": "def f(x):\n  import late_module_of_mine\n  return (x * late_module_of_mine.K).sum()",
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_what_may_be_another_thing_elsewhere_is_not_kept(what, load, tmp_path, monkeypatch):
    (tmp_path / "late_module_of_mine.py").write_text("K = 2.0")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "late_module_of_mine", raising=False)
    module = load(REFUSED[what])
    found, _, g = called(module, tmp_path / "cache")
    assert "not kept on disk: " in g.explain(), g.explain()
    assert not list((tmp_path).glob("cache/**/*.py"))
    if what != "a counter":
        np.testing.assert_equal(found, grad(module.f)(X))


def test_what_the_garbage_collector_runs_is_not_the_functions(load, tmp_path):
    def looking(phase, info):
        os.getpid()

    before = gc.get_threshold()
    gc.callbacks.append(looking)
    gc.set_threshold(1)
    try:
        _, traced, g = called(load("def f(x): return (x * x).sum()"), tmp_path)
    finally:
        gc.callbacks.remove(looking)
        gc.set_threshold(*before)
    assert traced
    assert "not kept" not in g.explain()
    assert gc.isenabled()


def test_an_installed_package_is_read_like_the_users_own(tmp_path, monkeypatch):
    package = tmp_path / "site-packages" / "installed_of_mine"
    package.mkdir(parents=True)
    text = """
        import dataclasses
        from . import helpers
        @dataclasses.dataclass
        class P: k: float
        def f(x): return helpers.h(x).sum() * P(1.0).k
        """
    (package / "__init__.py").write_text(textwrap.dedent(text))
    monkeypatch.syspath_prepend(package.parent)
    results = []
    for k in (2, 2, 3):
        for name in ("", ".helpers"):
            monkeypatch.delitem(sys.modules, f"installed_of_mine{name}", raising=False)
        (package / "helpers.py").write_text(f"def h(x): return x * {k}.0")
        shutil.rmtree(package / "__pycache__", ignore_errors=True)
        importlib.invalidate_caches()
        found, traced, g = called(importlib.import_module("installed_of_mine"), tmp_path / "cache")
        results.append((found[0], traced, "not kept" in g.explain()))
    assert results == [(2.0, True, False), (2.0, False, False), (3.0, True, False)]
