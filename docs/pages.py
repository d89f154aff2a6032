"""Pages of the site that stand elsewhere: folder pages, changelog, the HTTP API; mkdocs calls `on_files`."""

import re
import sys
from pathlib import Path
from typing import Final

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT: Final = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:  # mkdocs loads this file by its path
    sys.path.insert(0, str(ROOT))

COPIED: Final = {
    "readme.md": "README.md",
    "embedding.md": "serving/modal/embedding.md",
    "changelog.md": "CHANGELOG.md",
    "contributing.md": "CONTRIBUTING.md",
    **{
        f"folders/{name}.md": f"{name}/README.md"
        for name in (
            "data_contracts",
            "recommender",
            "pipelines",
            "models",
            "serving",
            "notebooks",
            "tests",
            "docs",
            "deploy",
        )
    },
}
"""Page of the site → the file of the repository that it shows."""
_LINK: Final = re.compile(r"(?<=\]\()(?!https?:|#|mailto:)([^)#\s]+)(#[^)\s]*)?(?=\))")
_IMAGE: Final = re.compile(r"!\[[^\]]*\]\([^)]*\)|<img [^>]*>")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are made from files of the repository and from the code."""
    from docs.api_reference import api_page

    for page, source in COPIED.items():
        files.append(File.generated(config, page, content=_copied(page, source)))
    files.append(File.generated(config, "reference/api.md", content=api_page()))
    return files


def _copied(page: str, source: str) -> str:
    """A file of the repository as a page: a link to a file leads to its page, else to that of its folder."""
    text = _IMAGE.sub("", (ROOT / source).read_text("utf-8"))
    page_of = {path: name for name, path in COPIED.items()}
    up = "../" * page.count("/")

    def link(match: re.Match[str]) -> str:
        target = (ROOT / source).parent.joinpath(match[1]).resolve()
        inside = target.relative_to(ROOT).as_posix() if target.is_relative_to(ROOT) else match[1]
        inside = inside if not target.is_dir() else f"{inside}/README.md"
        if inside.startswith("docs/pages/"):
            return up + inside.removeprefix("docs/pages/") + (match[2] or "")
        if inside in page_of:
            return up + page_of[inside] + (match[2] or "")
        folders = (f"{folder}/README.md" for folder in Path(inside).parents)
        return up + next((page_of[each] for each in folders if each in page_of), "readme.md")

    return _LINK.sub(link, text)
