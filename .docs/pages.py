"""The API's pages, from the docstrings: `python .docs/pages.py build/docs`."""

import sys
from pathlib import Path
from typing import Any

import pdoc
import pdoc.doc
import pdoc.doc_types
import pdoc.render

# `kerasreg.typing` says what the names in the signatures mean.
MODULES = ("kerasreg", "kerasreg.typing")


class _Written(str):
    """An annotation that is shown as it is written."""

    __slots__ = ()
    __repr__ = str.__str__


def _as_written(annotation: Any, *_: Any) -> Any:
    return _Written(annotation) if isinstance(annotation, str) else annotation


def main(folder: Path) -> None:
    # Resolved, `ArrayLike` is five lines of NumPy's own types, and `Samples` is `Any`.
    pdoc.doc.safe_eval_type = pdoc.doc_types.safe_eval_type = _as_written
    pdoc.render.configure(docformat="google", template_directory=Path(__file__).parent)
    pdoc.pdoc(*MODULES, output_directory=folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
