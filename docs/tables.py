"""Pages of the settings and of the problem codes, made from the code; `python -m docs.tables` writes them again.

A test fails when a page is not what the code says.
"""

import ast
import inspect
from pathlib import Path
from typing import Final

from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings

from serving.problem_table import PROBLEM_OF
from serving.settings import SellerSettings, Settings
from serving.words.texts import say

REFERENCE: Final = Path(__file__).parent / "pages" / "reference"


_ABOUT_PROBLEMS: Final = "Errors are RFC 9457 documents with a stable `code`; titles are in the reader's language."


def settings_table() -> str:
    """One line per setting: its variable, its default, what it does."""
    rows = [
        _setting(name, field, prefix=str(kind.model_config["env_prefix"]), text=_texts_of(kind).get(name, ""))
        for kind in (Settings, SellerSettings)
        for name, field in kind.model_fields.items()
        if name != "seller"
    ]
    return "\n".join(["| variable | default | meaning |", "|---|---|---|", *rows])


def problems_table() -> str:
    """One line per problem code: its HTTP status, its title and what happened, in English."""
    found = {code: status for status, code in PROBLEM_OF.values()}
    rows = [
        f"| `{code}` | {status} | {_cell(say('en', f'problem.{code}.title'))} |"
        for code, status in sorted(found.items(), key=lambda each: (each[1], each[0]))
    ]
    return "\n".join(["| code | status | title |", "|---|---|---|", *rows])


def pages() -> dict[Path, str]:
    """File → its text: one page for each table."""
    return {
        REFERENCE / "settings.md": f"# Settings\n\nRead once from the environment, at start.\n\n{settings_table()}\n",
        REFERENCE / "problems.md": f"# Problem codes\n\n{_ABOUT_PROBLEMS}\n\n{problems_table()}\n",
    }


def _setting(name: str, field: FieldInfo, *, prefix: str, text: str) -> str:
    default = field.default
    shown = "" if default in (None, "") or isinstance(default, SecretStr) else f"`{default}`"
    if field.default_factory is not None:
        shown = "`{}`"
    return f"| `{prefix}{name.upper()}` | {shown} | {_cell(text)} |"


def _texts_of(kind: type[BaseSettings]) -> dict[str, str]:
    """Field → the string that stands below it in the class."""
    (definition,) = ast.parse(inspect.getsource(kind)).body
    texts: dict[str, str] = {}
    field = None
    for node in getattr(definition, "body", ()):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            field = node.target.id
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and field:
            texts[field], field = str(node.value.value), None
        else:
            field = None
    return texts


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    for file, text in pages().items():
        file.write_text(text, encoding="utf-8")
