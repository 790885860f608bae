"""NVIDIA's `.pkl` checkpoints, read without executing anything.

A pickle is a program: the usual loader imports what it names and calls it, and these files even
carry Python source that their own loader runs. Here a small machine (`machine`) replays the
program on inert values only (`values`, `storage`); what it describes is then checked against the
network it claims to be (`options`, `reader`).
"""

from ifgan.generators.pickles.reader import read_pickle_checkpoint

__all__ = ["read_pickle_checkpoint"]
