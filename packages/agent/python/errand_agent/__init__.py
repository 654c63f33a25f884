"""Supervises runs at their place. Standard library only, Python 3.5 and newer."""
