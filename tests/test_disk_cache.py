"""Gradients kept on disk: the next process need not trace, and believes no file that is not as it was written."""

import concurrent.futures
import errno
import hashlib
import os
import pickle
import subprocess
import sys
import warnings

import numpy as np
import pytest
from kept_modules import BRANCH, Modules, X, called, files

import tapeless
from tapeless import CacheWarning, grad
from tapeless.runtime import disk_cache


@pytest.fixture
def load(tmp_path, monkeypatch):
    return Modules(tmp_path, monkeypatch)


# -------------------------------------------------------------------------------------------------- what is kept


def test_each_path_is_kept_and_the_guards_choose(load, tmp_path):
    plain = [grad(load(BRANCH).f)(x) for x in (X, -X)]
    called(load(BRANCH), tmp_path)[2](-X)
    assert len(files(tmp_path)) == 2
    _, _, g = called(load(BRANCH), tmp_path)
    for x, expected in zip((X, -X, X), (*plain, plain[0])):
        np.testing.assert_array_equal(g(x), expected)
    assert g.cache_info().misses == 0
    assert g.cache_info().paths == 2
    assert "guard at model.py:7: if h.sum() > 0" in g.explain()
    assert "read from" in g.explain()


def test_what_changes_after_a_file_was_read_is_seen(load, tmp_path):
    text = "K = 2.0\nA = np.ones(3)\ndef f(x): return (x * K * A).sum()"
    called(load(text), tmp_path)
    module = load(text)
    _, traced, g = called(module, tmp_path)
    assert not traced
    module.K = 3.0
    np.testing.assert_array_equal(g(X), 3 * np.ones(3))
    module.A[1] = 5.0
    np.testing.assert_array_equal(g(X), [3, 15, 3])
    module.A = np.zeros(3)
    np.testing.assert_array_equal(g(X), np.zeros(3))


def test_an_array_around_the_function_is_not_copied(load, tmp_path):
    text = "A = np.ones(3)\nB = {'b': [A[::-1], np.ones(3)]}\ndef f(x): return (x * A * B['b'][1]).sum()"
    called(load(text), tmp_path)
    module = load(text)
    _, traced, g = called(module, tmp_path)
    assert not traced
    a, b = g._last.stages.captured
    assert a is module.A
    assert b is module.B["b"][1]


@pytest.mark.parametrize("dtype", ["f8", "f4", "c16", "i8", "?"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_arrays_that_the_function_makes_are_kept_with_it(dtype, order, load, tmp_path):
    text = f"""
        def f(x):
            a = np.asarray([0.1 * v for v in range(3000)]).astype({dtype!r})
            return np.sum(np.abs(a.reshape((1000, 3), order={order!r})) @ x)
        """
    first, _, g = called(load(text), tmp_path)
    again, traced, h = called(load(text), tmp_path)
    assert not traced
    assert again.tobytes() == first.tobytes()
    ((made,), (restored,)) = g._last.stages.captured, h._last.stages.captured
    assert restored.strides == made.strides


def test_arrays_too_large_to_be_kept(load, tmp_path):
    text = "def f(x): return np.sum(np.asarray([0.1] * 200_000) * x[0])"
    _, _, g = called(load(text), tmp_path)
    assert "not kept on disk: it makes arrays of 1600000 bytes by itself" in g.explain()


def test_the_stages_are_made_when_they_are_asked_for(load, tmp_path):
    whole = called(load(BRANCH), tmp_path)[2].lower(X).as_text()
    g = called(load(BRANCH), tmp_path)[2]
    assert g.source in whole
    assert g.cache_info().misses == 0
    assert g.lower(X).as_text() == whole
    assert g.trace(X) in whole


def test_an_error_of_the_text_gets_the_line(load, tmp_path):
    text = "def f(a): return np.linalg.inv(a).sum()\nARGS = (np.eye(3),)"
    called(load(text), tmp_path)
    g = called(load(text), tmp_path)[2]
    assert g.cache_info().misses == 0
    with pytest.raises(np.linalg.LinAlgError) as caught:
        g(np.zeros((3, 3)))
    assert "in f at model.py:3" in caught.value.__notes__[0]


def test_writes_into_arguments(load, tmp_path):
    text = "def f(x, y):\n  y[0] = x[0] * 2\n  return (x * y).sum()\nARGS = (np.ones(3), np.ones(3))"
    called(load(text), tmp_path)
    module = load(text)
    g = called(module, tmp_path)[2]
    assert g.cache_info().misses == 0
    x, y = np.arange(1.0, 4), np.ones(3)
    np.testing.assert_array_equal(g(x, y), [4, 1, 1])
    assert y[0] == 2
    with pytest.raises(TypeError, match="share memory"):
        g(x, x)


@pytest.mark.parametrize("kind", ["value_and_grad", "jacobian", "hessian", "hvp", "vmap", "elementwise_grad"])
def test_other_derivatives_by_the_environment(kind, load, tmp_path, monkeypatch):
    monkeypatch.setenv("TAPELESS_CACHE", str(tmp_path / "cache"))
    text = "def f(x): return np.sin(x) * x"
    if kind in ("value_and_grad", "hvp", "hessian"):
        text += "\ng = f\ndef f(x): return g(x).sum()"
    results = []
    for _ in range(2):
        g = getattr(tapeless, kind)(load(text).f)
        results.append((repr(g(X, X) if kind == "hvp" else g(X)), g.cache_info().misses))
    assert [misses for _, misses in results] == [1, 0], g.explain()
    assert results[0][0] == results[1][0]


@pytest.mark.parametrize("value", ["", "0", "off"])
def test_off(value, load, tmp_path, monkeypatch):
    monkeypatch.setenv("TAPELESS_CACHE", value)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    grad(load(BRANCH).f)(X)
    monkeypatch.setenv("TAPELESS_CACHE", "1")
    grad(load(BRANCH).f, cache=False)(X)
    assert not (tmp_path / "cache").exists()
    if sys.platform == "linux":
        grad(load(BRANCH).f)(X)
        grad(load(BRANCH).f, cache=True)(X)
        assert len(files(tmp_path / "cache" / "tapeless")) == 1


def test_pickles_and_methods_keep_the_folder(load, tmp_path):
    text = f"""
        class M:
            def __init__(self, k): self.k = k
            @grad(cache={str(tmp_path / "cache")!r})
            def f(self, x): return (x * self.k).sum()
        def g(x): return x.sum()
        """
    module = load(text)
    for _ in range(2):
        np.testing.assert_array_equal(module.M(2.0).f(X), 2 * np.ones(3))
    assert len(files(tmp_path / "cache")) == 1
    again = pickle.loads(pickle.dumps(grad(module.g, cache=tmp_path / "cache")))
    again(X)
    assert len(files(tmp_path / "cache")) == 2


@pytest.mark.parametrize("wrong", [3, b"folder", "", ["folder"]])
def test_what_is_no_folder(wrong):
    with pytest.raises(TypeError, match="cache may be True, False, None or a folder"):
        grad(lambda x: x.sum(), cache=wrong)


# ------------------------------------------------------------------------------------- files that are not as they were


def damaged(content):
    """A file's content, spoiled in many ways."""
    lines = content.splitlines(keepends=True)
    yield b""
    yield b"\x00" * 5000
    yield content[:-1]
    yield content + b"\n"
    yield content.replace(b"tapeless cache, format 1", b"tapeless cache, format 2")
    yield b"import os\nos.abort()\n"
    yield b"".join(lines[1:])
    yield b"".join([*lines[:-2], b"    return 0 * x\n"])
    yield content.replace(b"\n", b"\r\n")
    for place in range(0, len(content), len(content) // 40):
        yield content[:place]
        yield content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


def signed(rest):
    """As our own files begin, whatever follows."""
    return f"# tapeless cache, format 1, sha256 {hashlib.sha256(rest).hexdigest()}\n".encode() + rest


def forged(content):
    """Files of which the checksum is right, and something else is not."""
    rest = content.split(b"\n", 1)[1]
    lines = rest.splitlines(keepends=True)
    for number, line in enumerate(lines):
        if line.startswith(b"# "):
            yield signed(b"".join(lines[:number] + lines[number + 1 :]))  # a line is missing
            yield signed(b"".join(lines[:number] + [line.split(b": ")[0] + b": 7\n"] + lines[number + 1 :]))
            yield signed(b"".join(lines[:number] + [line.split(b": ")[0] + b": __import__('os').abort()\n"]))
    yield signed(rest.replace(b"# ---- source\n", b""))
    yield signed(rest.replace(b"def f_grad", b"def g_grad"))
    yield signed(rest.replace(b"# helpers: []", b"# helpers: ['os:abort']"))
    yield signed(b"")


def outcome(module, folder):
    """What a call gives, whether it was traced, and what was said."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        found, traced, _ = called(module, folder)
    assert all(one.category is CacheWarning for one in said)
    return found.tobytes(), traced, [str(one.message).splitlines()[0] for one in said]


@pytest.mark.parametrize("spoil", [damaged, forged])
def test_a_file_that_is_not_as_it_was_written_is_discarded_and_said(spoil, load, tmp_path):
    module = load(BRANCH)
    expected, _, _ = outcome(module, tmp_path / "good")
    (good,) = files(tmp_path / "good")
    content = good.read_bytes()
    discarded = 0
    for number, bad in enumerate(spoil(content)):
        file = tmp_path / str(number) / good.parent.name / good.name
        file.parent.mkdir(parents=True, mode=0o700)
        file.write_bytes(bad)
        file.chmod(0o600)
        found, traced, said = outcome(module, tmp_path / str(number))
        assert found == expected, bad
        assert traced or spoil is forged
        if traced:
            discarded += 1
            assert len(said) == 1
            assert f"{file} is not as it was written" in said[0]
            assert file.read_bytes() == content
            assert outcome(module, tmp_path / str(number)) == (expected, False, [])
    assert discarded > 20


@pytest.mark.skipif(sys.platform == "win32", reason="no modes")
@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_a_file_that_others_may_write_is_not_read(mode, load, tmp_path):
    module = load(BRANCH)
    expected, _, _ = outcome(module, tmp_path)
    (file,) = files(tmp_path)
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    good = file.read_bytes()
    file.write_bytes(signed(good.split(b"\n", 1)[1].replace(b"return dx", b"return 0 * dx")))
    assert outcome(module, tmp_path)[0] != expected, "a file that is trusted is believed"
    file.chmod(mode)
    found, traced, said = outcome(module, tmp_path)
    assert (found, traced) == (expected, True)
    assert "may be written by other users, and is not read" in said[0]
    assert (file.read_bytes(), file.stat().st_mode & 0o777) == (good, 0o600)


@pytest.mark.skipif(sys.platform == "win32", reason="no modes")
@pytest.mark.parametrize("mode", [0o770, 0o777])
def test_a_folder_that_others_may_write_is_not_used(mode, load, tmp_path):
    module = load(BRANCH)
    expected, _, _ = outcome(module, tmp_path)
    (file,) = files(tmp_path)
    file.parent.chmod(mode)
    found, traced, said = outcome(module, tmp_path)
    assert (found, traced, len(said)) == (expected, True, 1)
    assert "may be written by other users, and is not used" in said[0]
    assert outcome(module, tmp_path) == (expected, True, [])


@pytest.mark.skipif(sys.platform == "win32", reason="no users")
def test_what_belongs_to_another_user_is_not_used(load, tmp_path, monkeypatch):
    module = load(BRANCH)
    expected, _, _ = outcome(module, tmp_path)
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    found, traced, said = outcome(module, tmp_path)
    assert (found, traced, len(said)) == (expected, True, 1)
    assert "belongs to another user, and is not used" in said[0]


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights")
def test_links_are_not_followed(load, tmp_path):
    module = load(BRANCH)
    expected, _, _ = outcome(module, tmp_path / "a")
    (file,) = files(tmp_path / "a")
    file.rename(tmp_path / "elsewhere.py")
    file.symlink_to(tmp_path / "elsewhere.py")
    found, traced, said = outcome(module, tmp_path / "a")
    assert (found, traced, len(said)) == (expected, True, 1)
    assert not file.is_symlink()
    assert outcome(module, tmp_path / "a") == (expected, False, [])
    folder = file.parent.rename(tmp_path / "moved")
    file.parent.symlink_to(folder)
    found, traced, said = outcome(module, tmp_path / "a")
    assert (found, traced, len(said)) == (expected, True, 1)


@pytest.mark.parametrize(("name", "error"), [("mkdir", errno.EROFS), ("open", errno.EACCES), ("replace", errno.ENOSPC)])
def test_where_nothing_can_be_written_it_works_and_is_said_once(name, error, load, tmp_path, monkeypatch):
    module = load(BRANCH)
    expected = called(module, False)[0].tobytes()
    original = getattr(os, name)

    def fails(path, *args, **kwargs):
        if name == "open" and not args[0] & os.O_CREAT:
            return original(path, *args, **kwargs)
        raise OSError(error, os.strerror(error))

    monkeypatch.setattr(os, name, fails)
    found, traced, said = outcome(module, tmp_path / "cache")
    assert (found, traced) == (expected, True)
    assert said == [f"nothing can be written to {tmp_path / 'cache'} ({os.strerror(error)})"]
    assert outcome(module, tmp_path / "cache") == (expected, True, [])
    assert not [path for path in tmp_path.rglob("cache/**/*") if path.is_file()]


def test_a_folder_that_is_a_file(load, tmp_path):
    (tmp_path / "cache").write_text("")
    _, traced, said = outcome(load(BRANCH), tmp_path / "cache")
    assert traced
    assert len(said) == 1


def test_where_there_is_no_home(load, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)
    g = grad(load(BRANCH).f, cache=True)
    g(X)
    if sys.platform != "win32":
        assert "not kept on disk: there is no home folder" in g.explain()
        assert {path.name for path in tmp_path.iterdir()} - {"__pycache__"} == {"model.py"}


def test_old_files_go(load, tmp_path, monkeypatch):
    monkeypatch.setattr(disk_cache, "MOST", 5)
    for k in range(8):
        called(load(f"def f(x): return (x * {k}).sum()"), tmp_path)
        (tmp_path / "model.f-6f6e55ba" / "mine.py").touch()
        for age, file in enumerate(files(tmp_path)):
            if f"x * {k}" not in file.read_text() and file.name != "mine.py":
                os.utime(file, (1000 + age, 1000 + age))
    assert len(files(tmp_path)) == 6


# --------------------------------------------------------------------------------------------------- other processes

PROGRAM = """
import sys, warnings
import numpy as np
from tapeless import grad

@grad(cache=sys.argv[1])
def loss(w, scale=2.0):
    print("traced")
    return np.sum(np.tanh(w) ** 2) * scale

print(loss(np.linspace(-1, 1, 5)).tobytes().hex())
"""


def started(program, *args):
    words = [sys.executable, "-W", "error", str(program), *map(str, args)]
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def printed(process):
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err[-3000:]
    return out.split()


def test_the_first_call_of_a_second_process_is_not_traced(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    first = printed(started(program, tmp_path / "cache"))
    assert first[0] == "traced"
    assert printed(started(program, tmp_path / "cache")) == first[1:]


def test_many_processes_at_once(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    running = [started(program, tmp_path / "cache") for _ in range(4)]
    results = {printed(process)[-1] for process in running}
    assert len(results) == 1
    (folder,) = (tmp_path / "cache").iterdir()
    assert len(list(folder.iterdir())) == 1
    assert printed(started(program, tmp_path / "cache")) == [*results]


def test_many_threads_at_once(load, tmp_path):
    module = load(BRANCH)
    expected = called(module, False)[0].tobytes()
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: called(module, tmp_path)[0].tobytes(), range(24)))
    assert set(found) == {expected}
    assert outcome(module, tmp_path) == (expected, False, [])
