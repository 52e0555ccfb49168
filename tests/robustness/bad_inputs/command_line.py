"""Arguments of `python -m experiments` that it cannot take.

The folder in which it is called holds nothing but an empty file, `file`.
"""

from typing import NamedTuple


class CommandCase(NamedTuple):
    """The arguments, the exit status, and the last line on the standard error."""

    name: str
    arguments: list[str]
    status: int
    message: str


def refused(name: str, arguments: list[str], message: str) -> CommandCase:
    """What argparse itself refuses."""
    return CommandCase(name, arguments, 2, f"python -m experiments: error: {message}")


CASES = [
    refused(
        "no seeds", ["--seeds", "0"], "argument --seeds: expected an integer >= 1. Received: 0"
    ),
    refused(
        "seeds negative",
        ["--seeds=-1"],
        "argument --seeds: expected an integer >= 1. Received: -1",
    ),
    refused(
        "half a seed",
        ["--seeds", "1.5"],
        "argument --seeds: expected an integer >= 1. Received: 1.5",
    ),
    refused(
        "seeds a superscript",
        ["--seeds", "²"],
        "argument --seeds: expected an integer >= 1. Received: ²",
    ),
    refused("no jobs", ["--jobs", "0"], "argument --jobs: expected an integer >= 1. Received: 0"),
    refused(
        "jobs a text", ["--jobs", "all"], "argument --jobs: expected an integer >= 1. Received: all"
    ),
    refused("option unknown", ["--sede"], "unrecognized arguments: --sede"),
    CommandCase(
        "experiment misspelt",
        ["lamda_selection"],
        2,
        "There is no experiment 'lamda_selection'. Did you mean 'lambda_selection'?",
    ),
    CommandCase(
        "experiment unknown",
        ["--list", "zzz"],
        2,
        "There is no experiment 'zzz'. --list shows all of them.",
    ),
    CommandCase(
        "data misspelt",
        ["--data", "digts"],
        2,
        "Invalid value for argument `name`: expected one of "
        "'breast_cancer', 'diabetes', 'digits', 'wine', 'mnist', 'fashion_mnist', 'imdb'. "
        "Received: name='digts'. Did you mean 'digits'?",
    ),
    CommandCase(
        "results in a file",
        ["--quick", "--out", "file", "priors"],
        1,
        "Cannot write 'file/.progress.json': File exists.",
    ),
    CommandCase(
        "results below a file",
        ["--quick", "--out", "file/results", "priors"],
        1,
        "Cannot write 'file/results/.progress.json': Not a directory.",
    ),
    CommandCase(
        "results in a place that takes no files",
        ["--quick", "--out", "/proc/results", "priors"],
        1,
        "Cannot write '/proc/results/.progress.json': No such file or directory.",
    ),
    CommandCase(
        "verify without results",
        ["--quick", "--verify", "priors"],
        2,
        "There is nothing to compare with in results-quick. Run without --verify first, or name "
        "the folder of the results with --out.",
    ),
    CommandCase(
        "verify results elsewhere than they are",
        ["--verify", "--out", "elsewhere", "priors"],
        2,
        "There is nothing to compare with in elsewhere. Run without --verify first, or name the "
        "folder of the results with --out.",
    ),
]
