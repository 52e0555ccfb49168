"""What an installed wheel does beside JAX alone: README's first program, and no TensorFlow.

`make wheel` runs it in an environment that has kerasreg, its dependencies and JAX alone.
"""

import contextlib
import importlib.util
import io
import re
from pathlib import Path

import kerasreg

ROOT = Path(__file__).parents[1]


def main() -> None:
    assert not Path(kerasreg.__file__).is_relative_to(ROOT / "kerasreg"), "not the wheel"
    assert (Path(kerasreg.__file__).parent / "py.typed").is_file()
    assert importlib.util.find_spec("tensorflow") is None
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    first = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)[0]
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(first, "README, program 1", "exec"), {})
    assert printed.getvalue().startswith("[0 1 2]\n"), printed.getvalue()
    refused = ""
    try:
        _ = kerasreg.training
    except ImportError as error:
        refused = str(error)
    assert "TensorFlow backend" in refused, refused
    print(f"kerasreg {kerasreg.__version__} serves a project on JAX:", printed.getvalue().strip())


if __name__ == "__main__":
    main()
