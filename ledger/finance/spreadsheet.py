"""Text cells that no spreadsheet runs as a formula, and back.

A spreadsheet takes a cell that begins with ``=``, ``+``, ``-``, ``@`` or their full-width forms for a formula, also
behind white space; such text gets an apostrophe before it. Text that looks as if it had one already gets another,
so that ``restore`` gives back exactly what was written. Amounts and numbers never pass through here.
"""

import re
from typing import Final

_BEGINNING: Final = r"'*\s*[\t\r\n=+\-@＝＋－＠]"
_RUNS: Final = re.compile(_BEGINNING)
_NEUTRAL: Final = re.compile("'" + _BEGINNING)


def neutral(text: str) -> str:
    """The text as a cell that is only ever shown."""
    return "'" + text if _RUNS.match(text) else text


def restore(cell: str) -> str:
    """The text that ``neutral`` made this cell of."""
    return cell[1:] if _NEUTRAL.match(cell) else cell
