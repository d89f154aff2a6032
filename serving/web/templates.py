"""Jinja templates of pages, documents and mails: escaped, and strict about names that are not defined."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape


def templates_in(*folders: Path) -> Environment:
    """The templates of these folders; the first folder that has a name wins."""
    return Environment(
        loader=FileSystemLoader(folders),
        autoescape=select_autoescape(),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
