"""Texts of anyone as Markdown that shows them, and does nothing else."""

from __future__ import annotations

import re


def cell(text: str) -> str:
    """The text as a cell of a table, where a bar ends the cell even in code."""
    return re.sub(r"(?<!\\)\|", r"\\|", in_one_line(text))


def in_one_line(text: str) -> str:
    """The text as one line of Markdown."""
    return escaped_text(" ".join(text.split()))


# Code begins and ends with as many backticks. It may go on in the next line if that begins with a
# letter: a heading or a list, say, would end it.
_CODE = re.compile(r"(?<!`)(`+)(?:[^`\r\n]|\n(?=[^\W\d_]))+\1(?!`)")


def escaped_text(text: str) -> str:
    """The text with what Markdown would take for markup escaped, except in code.

    Whoever wrote the text, it makes no tags, links or pictures.
    """
    parts, end = [], 0
    for code in _CODE.finditer(text):
        parts += [_escaped(text[end : code.start()]), code[0]]
        end = code.end()
    return "".join([*parts, _escaped(text[end:])])


def _escaped(text: str) -> str:
    return re.sub(r"[*<~|\\`]|\](?=[(\[:])", r"\\\g<0>", text)
