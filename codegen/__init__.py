"""From a program to Python text."""
