"""Calling what was generated: the decorator, its cache and guards, loading, the command line."""
