# SPDX-License-Identifier: Apache-2.0
"""Where files of the project are in the site.

Markdown files link to each other, and to tests, scripts and units, by their places in the project.
The site holds everything that they link to.
"""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

DOCS = "docs"
ROOT_PAGES = {
    "README.md": "index.md",
    "README.zh.md": "zh.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
}
"""Pages that stand outside docs/: their names in the project and in the site."""

SOURCES = "source"
"""Folder of the site for other files of the project."""

_LINK = re.compile(r'(?P<before>\]\(|\b(?:src|href)=")(?P<target>[^)"#\s]+)')
_ELSEWHERE = re.compile(r"[a-z]+:|/")


def project_path(page: str) -> str:
    """Where a page of the site is in the project."""
    of_root = {uri: name for name, uri in ROOT_PAGES.items()}
    return of_root.get(page, f"{DOCS}/{page}")


def site_path(path: str) -> str:
    """Where a file of the project is in the site."""
    if path.startswith(f"{DOCS}/"):
        return path.removeprefix(f"{DOCS}/")
    return ROOT_PAGES.get(path, f"{SOURCES}/{path}")


def targets(markdown: str, page: str) -> set[str]:
    """The files of the project that a page links to, by their places in the project."""
    found: set[str] = set()

    def note(path: str) -> str:
        found.add(path)
        return path

    _each_link(markdown, page, note)
    return found


def in_site(markdown: str, page: str) -> str:
    """The page's Markdown with links for its place in the site."""
    folder = posixpath.dirname(page)
    return _each_link(
        markdown, page, lambda path: posixpath.relpath(site_path(path), folder or ".")
    )


def _each_link(markdown: str, page: str, change: Callable[[str], str]) -> str:
    folder = posixpath.dirname(project_path(page))

    def changed(link: re.Match[str]) -> str:
        target = link["target"]
        if _ELSEWHERE.match(target):
            return link[0]
        return link["before"] + change(posixpath.normpath(posixpath.join(folder, target)))

    return _LINK.sub(changed, markdown)
