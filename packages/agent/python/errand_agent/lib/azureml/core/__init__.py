"""The part of `azureml.core` that a script needs to talk about its run."""
from .run import Run

__all__ = ['Run']
