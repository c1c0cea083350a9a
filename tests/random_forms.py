"""What random programs are put together from: tables of forms, with places for operands.

{a}, {b}, {c}: operands; {v}: the name of an array, {w}: another; {n}: a number; {s}: a single element; {m}: a
condition; {i}: an axis; {k}: indices; {r}: a new or a known name to assign to.
"""

from __future__ import annotations

# ruff: noqa: E501 - these are tables


def forms(text: str) -> tuple[str, ...]:
    return tuple(form for line in text.strip().splitlines() for form in line.strip().split("; "))


KINDS = forms("""
float; f64; f64; f64[()]; f64[3]; f64[4]; f64[3, 4]; f64[2, 3, 4]; f64[4, 1]; f64[1, 4]; f64[3, 3]; f64[1]; f64[1, 1]
f64[3] -; f64[3, 4] F; f64[3, 4] T; f64[3, 4] /; f64[2, 3, 4] F; f64[2, 3, 4] T; f64[3, 3] -; f64[4] /; f64[3, 4] 0
f64[0]; f64[0, 3]; f64[2, 0]; f32; f32[3]; f32[3, 4]; f32[3, 3] F
""")
OTHERS = forms("i64[3]; i64[2]; i64[2, 2]; bool[3]; bool[3, 4]; int; bool; i64; i64[3] -; f32[3, 4]; same; part")
NUMBERS = forms("0.5; 2; -1.5; 0.1; 3.0; 1; -1; 0.0; 1.0; 0; np.float64(0.7); -2.0; np.float32(0.5); True")
NAMES = ("a", "b", "c", "s", "t", "y", "out", "total", "dx", "z_1")

ELEMENTWISE = forms("""
np.sin({a}); np.cos({a}); np.tanh({a}); np.exp(0.3 * {a}); np.log({a} ** 2 + 0.5); np.sqrt({a} * {a} + 1); {a} ** 2
{a} ** 3; -{a}; np.square({a}); np.abs({a}); 1 / (1 + np.exp(-{a})); np.arctan({a}); 1 / ({a} * {a} + 0.3); +{a}
np.clip({a}, -1.2, 0.9); np.maximum({a}, 0); {a} * {n}; {n} * {a}; {a} + {n}; {n} - {a}; {a} / 1.7; (1 - {a}); {a} - {n}
np.log1p({a} * {a}); abs({a}); {a} * {a}; np.sinh(0.3 * {a}); (2 + np.sin({a})) ** {n}; 2.0 ** {a}; {a} ** 1
({a} ** 2 + 0.3) ** 0.5; np.where({a} > 0.2, {a}, 0.3 * {a}); np.expm1(0.2 * {a}); np.cbrt({a} * {a} + 0.2); {a} ** 0
np.reciprocal(2.5 + np.sin({a})); np.sign({a}) * {a}; np.floor({a}) + {a}; np.round({a}) * {a}; np.negative({a})
np.where({m}, {a}, 0); np.where({m}, 0.0, {a}) / 2; np.logaddexp({a}, 0); {a} % 1.7; np.float_power({a} * {a} + 0.2, 1.5)
np.where({a} > 0.4, np.log(np.abs({a}) + 1e-9), 0.5); np.nan_to_num({a}); {a}.clip(-1, 1); {a}.astype(float)
{a}.astype(np.float32) * 2; np.exp2({a}); np.exp(-({a} - 0.5) ** 2 / 2); {a} * ({a} + 1) / 2; np.asarray({a}) * 1.5
""")
BINARY = forms("""
{a} + {b}; {a} - {b}; {a} * {b}; {a} / ({b} * {b} + 0.4); np.maximum({a}, {b}); np.minimum({a}, {b})
np.where({m}, {a}, {b}); {a} * {b} + {c}; {a} - ({b} - {c}); {a} / (2.5 + np.cos({b})); -({a} * {b})
np.hypot({a}, {b} + 0.1); np.arctan2({a}, {b} * {b} + 0.5); np.logaddexp({a}, {b}); {a} * ({b} > 0.1)
np.add({a}, {b}); ({a} ** 2 + 0.4) ** (0.3 * {b}); np.where({a} > {b}, {a} * {b}, {c}); {a} + {b} - {a}
np.power({a} * {a} + 0.3, {b}); np.clip({a}, {b}, {b} + 0.5); np.multiply.outer({a}, {b}); np.subtract({a}, {b} * {s})
({a} + {b}) * ({a} - {b}); {a} / {b}; np.fmax({a}, {b} * 0.9); ({a} * 2 - {b}) / (1 + np.abs({a})); {a} * {s} + {b} * {s}
np.copysign({a}, {b} + 0.01); np.add({a}, {b}, dtype=np.float64); np.select([{m}, {m}], [{a}, {b}], 0.5)
""")
REDUCTIONS = forms("""
{a}.sum(); np.sum({a}); {a}.mean(); np.mean({a}, axis={i}); np.sum({a}, axis={i}); {a}.max(); np.min({a}, axis={i})
{a}.sum(axis={i}, keepdims=True); np.max({a}, axis={i}, keepdims=True); np.var({a}); np.prod(1 + 0.1 * {a})
np.std({a} * 1.3 + np.arange({a}.shape[-1]), axis=-1); np.linalg.norm({a} + 0.3); {a}.mean(axis=-1)
np.cumsum({a}, axis={i}); {a}.prod(axis={i}); np.sum({a}, axis=(0, -1)); np.var({a}, axis={i}, ddof=0, keepdims=True)
np.sum({a}, where={m}); np.max({a}, initial=0.1); np.linalg.norm({a}, axis={i}); np.add.reduce({a}); {a}.min(axis={i})
np.mean({a}, axis={i}, keepdims=True); np.sum({a}, keepdims=True); {a} - {a}.max(axis=-1, keepdims=True); np.median({a})
{a} / (1 + np.sum({a} ** 2, axis=-1, keepdims=True)); {a}.cumsum(); np.average({a}, axis={i}); np.ptp({a}, axis={i})
np.logaddexp.reduce({a}); np.count_nonzero({a} > 0.1); np.max(np.abs({a})); np.sum({a}, dtype=np.float64, axis={i})
""")
PRODUCTS = forms("""
{a} @ {b}; {a} @ {a}.T; np.dot({a}, {b}); {a}.T @ {b}; np.outer({a}, {b}); np.einsum('ij,j->i', {a}, {b}); {a}.dot({b})
np.tensordot({a}, {b}, axes=1); -({a} @ {b}); np.einsum('ij,ij->', {a}, {b}); {a} @ {b}.swapaxes(-1, -2)
np.inner({a}, {b}); np.einsum('...i,i->...', {a}, {b}); np.einsum('ii->i', {a}); np.einsum('ij->j', {a}); np.trace({a})
np.einsum('bij,ik->bjk', {a}, {b}); np.einsum('i,j,ij->', {a}, {b}, {c}); np.matmul({a}, {b} + {b}); np.vdot({a}, {b})
np.linalg.solve({a} @ {a}.T + 2 * np.eye(3), {b}); np.linalg.inv({a} @ {a}.T + np.eye(len({a}))); np.kron({a}, {b})
{a}[..., None] * {b}; {a}[:, None] - {b}[None, :]; ({a}[..., None] - {b}) ** 2; np.einsum('ij,jk', {a}, {b})
""")
ARRANGED = forms("""
{a}.T; {a}.reshape(-1); {a}[::-1]; {a}[None]; {a}[..., None]; {a}.ravel(); np.flip({a}); np.roll({a}, 1, axis=0)
{a}[1:]; {a}[:-1]; {a}[..., 0]; {a}[-1]; {a}[0]; {a}[:, 1]; {a}[:, ::2]; {a}.swapaxes(0, -1); np.diff({a}); {a}[:]
np.concatenate([{a}, {b}]); np.stack([{a}, {b}]); np.repeat({a}, 2, axis=0); np.broadcast_to({a}, (3, 4)); {a}.flatten()
{a}[[0, 2]]; {a}[np.array([1, 1, 0])]; np.stack([{s}, {s}]); np.array([{s}, {s}, 0.5]); np.squeeze({a}); {a}[{k}]; {a}[{m}]
np.stack([row * 2 for row in {a}]); sum({a}[k] for k in range(len({a}))); np.tile({a}, 2); np.pad({a}, 1); {a}[1:][::-1]
{a}[{k}, {k}]; {a}[..., {k}]; {a}[:, {k}]; np.take({a}, {k}, axis={i}); np.sort({a}); {a}[np.argsort({a})]; {a}[0:0]
np.expand_dims({a}, 0); np.moveaxis({a}, 0, -1); np.transpose({a}); np.atleast_2d({a}); np.split({a}, 2)[1]; {a}[{a} > 0.2]
np.array([[{s}, {n}], [0, {s}]]); np.hstack([{a}, {b}]); np.vstack([{a}, {b}]); np.diag({a}); np.triu({a}); {a}[...]
np.concatenate([{a}.ravel(), {b}.ravel()]); np.column_stack([{a}, {b}]); np.take_along_axis({a}, np.argsort({a}), -1)
{a}[np.argmax({a})]; {a}[:, [0, 0, 1]]; {a}[[0, 1], ::2]; {a}[np.arange(2), [0, -1]]; {a}[1::-1]; {a}[-1:0:-2]; {a}.repeat(2)
{a}.reshape(2, -1); {a}.reshape(-1, order='F'); {a}.ravel('F'); np.reshape({a}, (1, -1)); {a}[0, ..., None]; np.append({a}, {s})
np.where({a} > 0.3)[0]; np.array({a}.tolist() if False else {a}); np.array({a}, ndmin=2); np.meshgrid({a}, {b})[0]
""")
VIEWS = forms("""
{v}; {v}; {v}.T; {v}.reshape(-1); {v}[::-1]; {v}[None]; {v}[..., None]; {v}.ravel(); {v}[1:]; {v}[:-1]; {v}[..., 0]; {v}[-1]
{v}[0]; {v}[:, 1]; {v}[:, ::2]; {v}.swapaxes(0, -1); {v}[:]; {v}[...]; np.squeeze({v}); np.transpose({v}); {v}[::-1][1:]
np.reshape({v}, (-1, 1)); np.moveaxis({v}, 0, -1); np.expand_dims({v}, -1); np.flip({v}, 0); np.asarray({v}); {v}.squeeze()
np.atleast_1d({v}); np.atleast_2d({v}); {v}[1:][0]; {v}.T[0]; {v}.T.reshape(-1); {v}.reshape(2, -1)[1]; {v}.view(); {v}[2:0:-1]
np.split({v}, 2)[0]; np.array_split({v}, 2)[-1]; np.diagonal({v}); np.ravel({v}); {v}[0:0]; np.rollaxis({v}, -1); np.einsum('ij->ji', {v})
{v}.copy(); {v}[[0, 2]]; {v}.flatten(); np.array({v}); {v}[{m}]; np.ascontiguousarray({v}); np.broadcast_to({v}, (2, *{v}.shape))
""")
COPIES = forms("""
{a}.copy(); np.array({a}); np.zeros_like({a}); np.zeros({a}.shape); np.ones((3, 4)); np.full({a}.shape, {s}); np.zeros(4)
np.full({a}.shape, {b}); np.full((2, 3), {a}); np.full_like({a}, {s}); np.empty_like({a}) * 0; np.copy({a}); np.zeros((3, 3))
np.ones_like({a}); np.array([{a}, {a}]); np.eye(3); np.arange(4.0); np.linspace(0, 1, 3); np.zeros(3, dtype=np.float32)
np.zeros(3, dtype=int); np.zeros((0, 3)); {a} > 0.2; np.array([0, 2]); np.arange(3); np.asarray({a}); np.argsort({a})
""")
ELEMENTS = forms("""
{a}.sum(); {a}.mean(); {a}[0]; {a}[-1]; {a}[1, 2]; {a}[..., 0].sum(); {a}.max(); {n}; np.sum({a} * 0.3); {a}[0, 0]; len({a})
{a}.shape[0]; {a}.size; {a}[{k}].sum(); np.vdot({a}, {a}); {a}.ravel()[0]; float({s}); max({s}, {s}); {a}.item(0); np.argmax({a})
""")
CONDITIONS = forms("""
{a} > 0.1; {a} < {b}; {a} >= {n}; ({a} > 0) & ({a} < 1); np.abs({a}) > 0.6; ~({a} > 0.3); {a} != {b}; np.isfinite({a})
np.logical_or({a} > 0.5, {a} < -0.5); np.arange({a}.shape[-1]) % 2 == 0; np.greater({a}, {b} * 0.5); {a} == {a}
""")
TRUTHS = forms("""
{s} > 0.2; {s} < {s}; ({a} > 0).any(); ({a} > -2).all(); {a}.shape[0] > 2; not {s} > 0; -1 < {s} < 1; {s} > 0 and {s} < 2
np.all({a} < {b}); {a}.ndim == 2; {a}.size; {s} > 0 or {s} < -1; bool({s} > 0.4); np.allclose({a}, {a}); {s}
""")
INDICES = forms("""
0; -1; 1; :; 1:; :2; ::2; ::-1; ...; 0, 1; 1, :; :, 0; :, 1:3; ..., 0; 0:0; ..., 1; -2:; [0, 2]; [1, 1]; np.array([0, 1])
{a} > 0.2; [0, 1], [1, 2]; None; 1:, ::2; 0, :2; {k}; {k}, {k}; {m}; ..., {k}; :, {k}; {k}, 0; 0, {k}; ::2, {k}; {m}, 0; [True, False, True]
np.argmax({v}); [[0, 1], [1, 0]]; -1, ..., 0; :, None; (); np.newaxis, 0; slice(None, 2); ::-2; {k}[::-1]; {k} - 1; np.ix_([0, 1], [0, 2])
""")
LOOPED = forms("""
fori_loop(0, 3, lambda i, c: c * np.cos(c) + 0.1 * i, {a}); fori_loop(0, 2, lambda i, c: np.sin(c) + {b}[i], {a})
fori_loop(1, 3, lambda i, c: (c[1], 0.5 * c[0] + {b}), ({a}, {b}))[0]; scan(lambda c, u: (np.tanh(c + u), c * u), {s}, {a})[1]
scan(lambda c, u: (c + u.sum(), u * c), {s}, {a}, reverse=True)[0]; scan(lambda c, u: (c * 0.5 + u, (c, u[::-1])), {b}, {a})[1][0]
while_loop(lambda c: (c * c).sum() > 0.5, lambda c: 0.6 * c, {a}); while_loop(lambda c: c[1] < 3, lambda c: (np.sin(c[0]), c[1] + 1), ({a}, 0))[0]
cond({s} > 0.3, lambda u: np.sin(u), lambda u: u * 0.5, {a}); cond({s} > 0, lambda u, v: u * v, lambda u, v: u - v, {a}, {b})
scan(lambda c, u: (np.where(u > 0, c, c * 0.5), c @ u), {b}, {a})[0]; fori_loop(0, 2, written, {a}); scan(kept, {a}, length=2)[0]
fori_loop(0, 2, lambda i, c: fori_loop(0, 2, lambda j, d: d * 0.7 + {b} * j, c) + {c}, {a})
fori_loop(0, 2, lambda i, c: fori_loop(0, 2, lambda j, d: np.sin(d) * {s}, {b}) * c, {a}); scan(lambda c, u: (c * np.sum(fori_loop(0, 2, lambda j, d: d * 0.8 + u, {b})), c), {a}, {b})[1]
scan(lambda c, u: (cond(np.sum(u) > 0, lambda d: d * u, lambda d: d - {s}, c), c + u), {s}, {a})[1]; cond({s} > 0, lambda u: fori_loop(0, 2, lambda i, d: d * u, {b}), lambda u: {b} * u, {a}); cond(np.any({a} > 1), lambda u: u[:1] * 2, lambda u: u[:1], {a})
""")
STATEMENTS = forms("""
np.copyto({v}, {a}); np.copyto({v}, {a}, where={m}); {v}.fill({s}); np.add.at({v}, {k}, {a}); np.put({v}, [0, 1], {s}); {v}.sort()
np.putmask({v}, {m}, {a}); np.fill_diagonal({v}, {s}); np.subtract.at({v}, {k}, {s}); np.place({v}, {m}, {a}.ravel() * 1); {r} = {v}[{k}]
{v}[...], {w}[...] = {w}, {v}; {v}[0], {v}[1] = {v}[1], {v}[0]; {v}[[0, 1]] = {v}[[1, 0]]; {v}[1:] = {v}[:-1]; {v}[:] = {v}[::-1]
{v}[1:] += {v}[:-1]; {v} += {v}.T; {v}[::-1] *= {v}; {v}.T[0] -= {v}[..., 0]; {r} = {v}; {r} += {a}; {r} = {v} + {w}; {v} *= {w}; {w} -= {v}
np.multiply({v}, {a}, out={v}); np.sin({v}, out={v}); np.add({v}[1:], {v}[:-1], out={v}[1:]); np.add({a}, {b}, out={v}, where={m})
np.sum({a}, axis=0, out={v}); np.matmul({a}, {b}, out={v}); np.cumsum({v}, out={v}); {v}.flat[0] = {s}; {v}.shape = (-1,); del {r}
{r} = (lambda u, by={s}: u * by)({a}); {r}, _ = np.sin({a}), np.cos({a}); {r}, {w} = {a}; _, {r} = divmod({a}, 1.5); {r}: float = {a}
{r} = {w} = {a}; {r} = -{v} if {s} > 0 else {v}; assert {s} < 100; ({r} := {a} * 2); {r} = getattr({v}, 'T'); {r} = [u * 2 for u in {v}][-1]
{r} = inner({a}); {r} = part({a}, {b}); {r} = {v} * TABLE; {r} = TABLE[{k}] @ {a}; {r} = TABLE[0] + {a}; {r} = TABLE.T @ {a}; {r} = Box({v}).twice({s})
""")
BLOCKS = (  # statements of several lines
    "def inner(u):\n    return u * {v} + {n}\n{v} = {v} * 0.5\n{r} = inner({a})\n",
    "def inner(u):\n    {v}[0] += u\n    return {v}[1:]\n{r} = inner({s})\n",
    "for row in {v}:\n    row *= {s}\n",
    "for row in {v}:\n    row[0] = row[-1] * {s}\n",
    "for i, row in enumerate({v}):\n    {w}[i] = row.sum() * i\n",
    "for p, q in zip({v}, {w}):\n    p += 0.5 * q\n",
    "n = 0\nwhile {s} < 1.5 and n < 3:\n    {v} += 0.4\n    n += 1\n",
    "n = 0\nwhile np.sum({v} ** 2) > 1:\n    {v} *= 0.5\n    n += 1\n    if n > 2:\n        break\n",
    "for i in range(3):\n    if {a}[i].sum() < 0:\n        continue\n    {v}[i] *= 0.5\nelse:\n    {r} = {v} + 1\n",
    "view = {v}[1:]\nother = view[::-1]\nother[0] = {s}\nview *= 2\n{r} = other\n",
    "flat = {v}.reshape(-1)\nflat[::2] = {s}\nflat[1] *= flat[0]\n",
    "flat = {v}.ravel()\nflat[0] += {s}\n{r} = {v}.T\n",
    "held = {v}\nheld[0] = {s}\n{v} = {v} * 2\nheld[-1] = 0.5\n{r} = held\n",
    "before = {v}.copy()\n{v}[...] = {a}\n{r} = before * {v}\n",
    "best = {a}[0].sum()\nfor k in range(2):\n    if {a}[k].sum() > best:\n        best = {a}[k].sum()\n{r} = best\n",
    "grid = np.zeros((3, 3))\nfor i in range(3):\n    for j in range(i + 1):\n        grid[i, j] = grid[i - 1, j] + {s} * j\n{r} = grid\n",
    "rows = []\nfor k in range(2):\n    rows.append(np.tanh({a}[k]) * {s})\n{r} = np.stack(rows)\n",
    "rows = [{v}, {w}]\nfor row in rows:\n    row[0] = 1.5\n    row += {s}\n{r} = sum(u.sum() for u in rows)\n",
    "try:\n    {r} = {v}[7]\nexcept IndexError:\n    {r} = {v} * 0.5\n",
    "def recur(u, n):\n    return u if n == 0 else recur(np.sin(u) + {s}, n - 1)\n{r} = recur({a}, 2)\n",
    "total = 0\nfor u in ({a}, {b}):\n    total += u\n{r} = total\n",
    "acc = np.zeros({v}.shape)\nfor k in range(3):\n    acc += {v} ** k\n    acc[0] *= {s}\n{r} = acc\n",
    "held = {v}\nheld += {a}\n{r} = held + {v}\n",
    "{v}, {w} = {w}, {v}\n{v} += {s}\n",
    "box = {{'u': {v}, 'k': [{a}]}}\nbox['u'] *= 0.5\nbox['k'][0] += {s}\n{r} = box['k'][0]\n",
    "rest = [{v}, {w}, {a}]\nrest[0][0] = {s}\nfirst, *rest = rest\n{r} = first * rest.pop()\n",
)
HELPERS = {
    "squash": "def squash(u):\n    v = np.tanh(u)\n    return 0.5 * v + 0.1\n",
    "scale": "def scale(u, by):\n    u *= by\n    return u\n",
    "mix": "def mix(u, v=0.5):\n    w = 0.5 * u\n    w += v\n    return w\n",
    "bump": "def bump(u):\n    u[0] = np.sin(u[0])\n    return u[1:]\n",
    "standard": "def standard(u):\n    m = u.mean()\n    s = np.sqrt(np.mean((u - m) ** 2) + 0.1)\n    return (u - m) / s\n",
    "twice": "def twice(f, u):\n    for _ in range(2):\n        u = f(u)\n    return u\n",
    "larger": "def larger(u, v):\n    if u.sum() > v:\n        return u * 0.9\n    return u + v\n",
    "fill": "def fill(u):\n    r = np.zeros(3)\n    for k in range(3):\n        r[k] = u[k % len(u)].sum() * k\n    return r\n",
    "exchange": "def exchange(u, v):\n    u[0], v[0] = v[-1], u[-1]\n    return u + v\n",
    "written": "def written(i, u):\n    u = u.copy()\n    u[i] = 0.5 * u[i - 1]\n    return u\n",
    "kept": "def kept(c, _):\n    d = np.sin(c)\n    d[..., 0] *= 0.5\n    return d, d * c\n",
    "scaled": "def scaled(by):\n    def times(u):\n        return u * by\n    by = by + 0.5\n    return times\n",
    "largest": "def largest(u):\n    best = u[0]\n    for v in u[1:]:\n        best = np.where(v > best, v, best)\n    return best\n",
    "Box": (
        "class Box:\n    def __init__(self, u):\n        self.u = u\n        self.u[0] *= 0.5\n\n"
        "    def twice(self, by):\n        self.u += by\n        return self.u * 2\n"
    ),
    "TABLE": "TABLE = np.arange(12.0).reshape(3, 4) / 7\n",
}
CALLS = forms("""
squash({a}); scale({a}, {s}); scale({v}, 0.7); mix({a}); mix({a}, {s}); bump({v}); standard({a}); twice(squash, {a}); fill({a})
larger({a}, {n}); larger({a}, {s}); scale({v}[1:], 0.5); mix(u={a}, v={b}); exchange({v}, {w}); exchange({v}, {v}[::-1])
scaled({s})({a}); largest({a}); bump({v}.T); scale({v}.reshape(-1), {s}); twice(scaled({s}), {a}); mix(*[{a}, {b}]); twice(bump, {v})
twice(np.sin, {a}); list(map(squash, [{a}, {b}]))[-1]; scale(by=0.5, u={v}); larger(**{{'u': {a}, 'v': {s}}}); mix({v}, {v})
""")
