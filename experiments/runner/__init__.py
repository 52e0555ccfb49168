"""Runs experiments and writes what they found: `main` is the command `python -m experiments`."""

from experiments.runner.command_line import main as main
