"""`python -m experiments`: see `python -m experiments --help`."""

import logging
import os
import sys

# TensorFlow's notes about the processor, read when it is imported, and its warning that many
# small programs are traced, as experiments do on purpose.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
logging.getLogger("tensorflow").setLevel(logging.ERROR)

from experiments.runner import main  # noqa: E402

if __name__ == "__main__":
    sys.exit(main())
