"""A matplotlib Figure outside pyplot that notebooks show and that can open a window."""

from __future__ import annotations

import io
from typing import Any

from matplotlib.figure import Figure

from ..errors import ConfigError


class ShownFigure(Figure):
    """A Figure that a notebook shows as the value of a cell, without pyplot."""

    def _repr_png_(self) -> bytes:
        content = io.BytesIO()
        self.savefig(content, format="png", dpi=self.dpi)
        return content.getvalue()

    def show(self, warn: bool = True) -> None:
        """Show the figure: in the output of a notebook's cell, or in a window until it is closed.

        Parameters
        ----------
        warn
            Not used; a parameter of matplotlib's method.

        Raises
        ------
        ConfigError
            There is neither a notebook nor a display.
        """
        if _in_notebook():
            from IPython.display import display

            display(self)  # type: ignore[no-untyped-call]
            return
        canvas = _interactive_canvas()
        if canvas is None:
            raise ConfigError("show: there is no display; write the figure with savefig")
        manager = canvas.new_manager(self, 1)
        manager.show()
        type(manager).start_main_loop()


def _in_notebook() -> bool:
    """Return whether this process is the kernel of a notebook."""
    try:
        from IPython import get_ipython
    except ImportError:
        return False
    return hasattr(get_ipython(), "kernel")


def _interactive_canvas() -> Any:
    """Return the class of the canvas of pyplot's backend; None if that opens no windows."""
    import matplotlib.pyplot as plt

    number = max(plt.get_fignums(), default=0) + 1
    probe = plt.figure(number)
    canvas = type(probe.canvas)
    plt.close(probe)
    return canvas if canvas.required_interactive_framework else None
