"""Functions that tests name by their import path, here and in child processes."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time

import numpy as np


def first(rows):
    """The first column as a probability of the second class."""
    late = rows.column(0).to_numpy()
    return np.column_stack([1.0 - late, late])


def pid(rows):
    """The process that answers."""
    return np.full(rows.num_rows, float(os.getpid()))


def act(rows):
    """Do what the first row says."""
    what = int(rows.column("what")[0].as_py())
    if what == 1:
        raise ValueError("told to")
    if what == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    if what == 3:
        time.sleep(600)
    if what == 4:
        ctypes.string_at(0)  # a fault in native code
    if what == 5:
        return np.zeros((3, 7))
    if what == 6:
        print("noise on standard output" * 10_000)
        sys.stdout.flush()
    if what == 7:
        return np.ones(4 * 2**27)[: rows.num_rows]  # 4 GiB
    if what == 8:
        os._exit(7)
    if what == 9:
        return "no numbers"
    return np.full(rows.num_rows, float(what))
