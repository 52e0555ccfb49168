"""`python -m experiments`: see `python -m experiments --help`."""

import os
import sys

# TensorFlow's notes about the processor, read when it is imported.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from experiments.runner import main

if __name__ == "__main__":
    sys.exit(main())
