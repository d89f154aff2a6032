"""The examples in docstrings run, and give what they say."""

from pathlib import Path

import pytest
from sybil.document import PythonDocStringDocument
from sybil.parsers.doctest import DocTestParser

ROOT = Path(__file__).parents[2]
FOLDERS = ("models",)
MODULES = sorted(
    str(path.relative_to(ROOT))
    for folder in FOLDERS
    for path in (ROOT / folder).rglob("*.py")
    if ">>> " in path.read_text()
)


@pytest.mark.parametrize("module", MODULES)
def test_the_examples_of_a_module_give_what_they_say(module: str) -> None:
    document = PythonDocStringDocument.parse(str(ROOT / module), DocTestParser())
    document.namespace.update(vars(__import__(module.removesuffix(".py").replace("/", "."), fromlist=["*"])))

    examples = list(document.examples())
    for example in examples:
        example.evaluate()

    assert examples


def test_there_are_examples() -> None:
    assert len(MODULES) >= 10
