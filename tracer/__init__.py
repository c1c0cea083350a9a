"""NumPy calls become equations: the array stand-in, argument binding, writes, guards, leaks and errors."""
