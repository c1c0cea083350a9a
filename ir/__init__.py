"""The intermediate representation: what is true without NumPy's dispatch and without text."""
