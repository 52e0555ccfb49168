"""Finished work of a long run on disk, so that a call which was killed goes on, bit for bit.

A folder belongs to one call. `call.json` in it says which, part by part; each piece of finished
work is one file beside it: a header in JSON and then the arrays, each in the form of `.npy`, so
that `numpy.load` reads them one after the other; a CRC-32 of it all is the end.
"""

from kerasreg.checkpoints.folder import CheckpointFolder

__all__ = ["CheckpointFolder"]
