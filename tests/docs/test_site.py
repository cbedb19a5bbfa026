# SPDX-License-Identifier: Apache-2.0
"""The documentation as a site: built strictly, whole, and without requests to other sites."""

from __future__ import annotations

import re
import subprocess
import sys
from html.parser import HTMLParser
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import pytest

import ppocrvl
from docs_site.links import in_site, targets

pytest.importorskip("mkdocs", reason='needs MkDocs: pip install ".[docs]"')
pytest.importorskip("mkdocstrings", reason='needs MkDocs: pip install ".[docs]"')
pytest.importorskip("uvicorn", reason='needs the server: pip install ".[server]"')

if TYPE_CHECKING:
    from pathlib import Path

SECONDS = 600
pytestmark = pytest.mark.timeout(SECONDS)

LOADED = {("img", "src"), ("script", "src"), ("link", "href"), ("iframe", "src"), ("source", "src")}
"""What a browser fetches without being asked."""


class Places(HTMLParser):
    """The names of a page's elements, and the addresses that it loads and links to."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.loaded: list[str] = []
        self.linked: list[str] = []
        self.feed(file.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in {"id", "name"} and value:
                self.names.add(value)
            elif (tag, name) in LOADED and value:
                self.loaded.append(value)
            elif name == "href" and value:
                self.linked.append(value)


@pytest.fixture(scope="module")
def site(project_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    # Without --quiet, which would have it count no warnings.
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "-d", str(folder)]
    done = subprocess.run(
        command, cwd=project_root, capture_output=True, text=True, timeout=SECONDS, check=False
    )
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Places]:
    return {file: Places(file) for file in site.rglob("*.html")}


def test_nothing_is_fetched_from_elsewhere(site: Path, pages: dict[Path, Places]) -> None:
    for file, page in pages.items():
        assert page.loaded
        assert not [one for one in page.loaded if urlsplit(one).netloc], file
    for style in site.rglob("*.css"):
        assert not re.search(r"url\(['\"]?(?:https?:)?//|@import", style.read_text("utf-8")), style


def test_every_place_is_there(site: Path, pages: dict[Path, Places]) -> None:
    """Also those that MkDocs does not look at: pictures in HTML, the reference, the sources."""
    dead = []
    for file, page in pages.items():
        if file.name == "404.html":  # its places begin at the root of a server
            continue
        for address in (*page.loaded, *page.linked):
            parts = urlsplit(address)
            if parts.scheme or parts.netloc:
                continue
            target = (file.parent / unquote(parts.path)).resolve() if parts.path else file
            name = unquote(parts.fragment)
            if not target.is_file() or (
                name and target in pages and not {name, f"__{name}"} & pages[target].names
            ):
                dead.append(f"{file.relative_to(site)}: {address}")
    assert not dead


def test_the_reference_has_every_public_name(site: Path, pages: dict[Path, Places]) -> None:
    names = pages[site / "reference" / "python.html"].names
    missing = [
        name
        for name in set(ppocrvl.__all__) - {"__version__"}
        if not any(one.startswith("ppocrvl.") and one.endswith(f".{name}") for one in names)
    ]
    assert not missing


def test_the_reference_has_commands_and_routes(site: Path, pages: dict[Path, Places]) -> None:
    from ppocrvl.cli.main import COMMANDS
    from ppocrvl.server.openapi import document

    assert {f"ppocrvl-{name}" for name in COMMANDS} <= pages[
        site / "reference" / "command-line.html"
    ].names
    text = (site / "reference" / "command-line.html").read_text("utf-8")
    assert "--page-deadline" in text
    routes = (site / "reference" / "http.html").read_text("utf-8")
    for path in document()["paths"]:
        assert path in routes
    assert "mm_processor_kwargs" in routes


def test_links_for_the_site() -> None:
    page = "[a](../deploy/x.service) [b](usage.md#y) ![c](flow.svg) [d](https://a.b/c) [e](#f)"
    assert targets(page, "server.md") == {"deploy/x.service", "docs/usage.md", "docs/flow.svg"}
    assert in_site(page, "server.md").startswith("[a](source/deploy/x.service) [b](usage.md#y)")
    assert in_site("[a](../server.md)", "howto/x.md") == "[a](../server.md)"
    assert in_site("[a](docs/server.md#b) [c](LICENSE)", "index.md") == (
        "[a](server.md#b) [c](source/LICENSE)"
    )
    assert in_site('<img src="docs/a.png">', "zh.md") == '<img src="a.png">'
    assert in_site("[a](../README.md)", "server.md") == "[a](index.md)"
