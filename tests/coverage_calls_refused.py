"""Calls of what is refused, by name: each is an error that says so."""

import numpy as np

REFUSED = {
    "array2string": lambda x: len(np.array2string(x)) * x[0, 0],
    "array_repr": lambda x: len(np.array_repr(x)) * x[0, 0],
    "array_str": lambda x: len(np.array_str(x)) * x[0, 0],
    "format_float_positional": lambda s: len(np.format_float_positional(s)) * s,
    "format_float_scientific": lambda s: len(np.format_float_scientific(s)) * s,
    "save": lambda x: np.save("x.npy", x),
    "savez": lambda x: np.savez("x.npz", x),
    "savez_compressed": lambda x: np.savez_compressed("x.npz", x),
    "savetxt": lambda x: np.savetxt("x.txt", x),
    "load": lambda x: np.sum(np.load("x.npy") * x),
    "loadtxt": lambda x: np.sum(np.loadtxt(["1 2 3 4"]) * x),
    "genfromtxt": lambda x: np.sum(np.genfromtxt(["1 2 3 4"]) * x),
    "fromfile": lambda x: np.sum(np.fromfile("x.bin") * x),
    "fromregex": lambda x: np.sum(np.fromregex("x.txt", r"(\d+)", [("a", float)])["a"] * x),
    "frombuffer": lambda x: np.sum(np.frombuffer(x)),
    "from_dlpack": lambda x: np.sum(np.from_dlpack(x)),
    "matrix": lambda x: np.sum(np.matrix(x)),
    "asmatrix": lambda x: np.sum(np.asmatrix(x)),
    "bmat": lambda x: np.sum(np.bmat([[x]])),
    "memmap": lambda x: np.sum(np.memmap("x.bin", mode="w+", shape=(4,)) * x),
    "frompyfunc": lambda v: np.sum(np.frompyfunc(lambda e: e * e, 1, 1)(v)),
    "nested_iters": lambda x: np.nested_iters(x, [[0], [1]]),
    "broadcast": lambda x, r: np.sum(np.broadcast(x, r).shape[0] * x),
    "may_share_memory": lambda x: np.may_share_memory(x, x) * np.sum(x),
    "shares_memory": lambda x: np.shares_memory(x, x) * np.sum(x),
    "spacing": lambda x: np.sum(np.spacing(x)),
    "nextafter": lambda x: np.sum(np.nextafter(x, 1.0)),
    "isnat": lambda x: np.sum(np.isnat(x)),
}
for _name in ("base", "byteswap", "ctypes", "data", "dump", "dumps", "getfield", "resize", "setfield", "setflags"):
    REFUSED[f"ndarray.{_name}"] = lambda x, name=_name: getattr(x, name)
for _name in ("strides", "to_device", "tobytes", "tofile", "tostring", "itemset", "newbyteorder", "ptp"):
    REFUSED[f"ndarray.{_name}"] = lambda x, name=_name: getattr(x, name)

# What refused keywords are given, and what stands before them, if not the arguments of the first sample call.
VALUES = {"order": "a", "out": np.zeros(8), "weights": np.arange(1, 7), "ndmax": 2}
POSITIONAL = {
    **dict.fromkeys(("quantile", "nanquantile"), lambda v: (v, 0.3)),
    **dict.fromkeys(("percentile", "nanpercentile"), lambda v: (v, 30.0)),
    **dict.fromkeys(("partition", "argpartition"), lambda v: (v, 2)),
}
