"""A Config as a Python script that makes it."""

import base64
import io
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .base import Model, same

MOST_WRITTEN = 60  # numbers of an array that are written out; longer ones are packed
WIDTH = 100
UNPACK = '''

def unpacked(text):
    """Return the array that is packed in a text."""
    return np.load(io.BytesIO(base64.b85decode("".join(text.split()))))["array"]
'''


def python_script(config: Model) -> str:
    """Return a Python script that assigns an equal Config to the name `config`."""
    body = _value(config, 0)
    packed = "unpacked(" in body
    heading = "import base64\nimport io\n\nimport numpy as np\n" if packed else ""
    heading += "import numpy as np\n" if "np.array" in body and not packed else ""
    return f"{heading}import nanobragg as nb\n{UNPACK if packed else ''}\n\nconfig = {body}\n".replace(
        "\n\n\n\n", "\n\n\n"
    )


def _value(value: Any, depth: int) -> str:
    """Return an expression for a value; `depth` is the number of indentations."""
    if isinstance(value, Model):
        return _call(value, depth)
    if isinstance(value, np.ndarray):
        return _array(value, depth)
    if isinstance(value, Path):
        return repr(str(value))
    if isinstance(value, slice):
        return f"slice({value.start}, {value.stop})"
    if isinstance(value, float) and (value != value or value in (float("inf"), -float("inf"))):
        return f'float("{value}")'
    if isinstance(value, (tuple, list)):
        parts = [_value(each, depth + 1) for each in value]
        line = f"({', '.join(parts)}{',' if len(parts) == 1 else ''})"
        if len(line) <= WIDTH and "\n" not in line:
            return line
        indent = "    " * (depth + 1)
        return "(\n" + "".join(f"{indent}{part},\n" for part in parts) + "    " * depth + ")"
    return repr(value)


def _call(model: Model, depth: int) -> str:
    fields = type(model).model_fields
    name = type(model).__name__
    name = f"nb.{name}" if name != "NominalGeometry" else "dict"  # not a public name
    given = {
        each: getattr(model, each)
        for each, field in fields.items()
        if (field.is_required() or not same(getattr(model, each), field.default))
    }
    indent = "    " * (depth + 1)
    lines = [f"{indent}{each}={_value(value, depth + 1)},\n" for each, value in given.items()]
    return f"{name}(\n{''.join(lines)}{'    ' * depth})" if lines else f"{name}()"


def _array(array: npt.NDArray[Any], depth: int) -> str:
    if array.size <= MOST_WRITTEN:
        return f"np.array({array.tolist()!r}, dtype={str(array.dtype)!r})"
    content = io.BytesIO()
    np.savez_compressed(content, array=array)
    text = base64.b85encode(content.getvalue()).decode()
    indent = "    " * (depth + 1)
    rows = "".join(f"{indent}{text[i : i + WIDTH]}\n" for i in range(0, len(text), WIDTH))
    return f'unpacked(r"""\n{rows}{indent}""")'
