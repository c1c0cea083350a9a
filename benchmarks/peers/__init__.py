"""The workloads' functions where a peer needs a text of its own; elsewhere it runs the same one, on its own NumPy."""
