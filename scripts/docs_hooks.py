# SPDX-License-Identifier: Apache-2.0
"""What MkDocs calls: pages that are not files of docs/, and links that lead out of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mkdocs.structure.files import File

from docs_site.command_line import command_line_page
from docs_site.http import http_page
from docs_site.links import ROOT_PAGES, in_site, project_path, site_path, targets

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parent.parent

MADE = {"reference/command-line.md": command_line_page, "reference/http.md": http_page}
"""Pages that are made from the code."""


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add pages of the project's root, pages made from the code, and files that pages link to."""
    for uri, make in MADE.items():
        files.append(File.generated(config, uri, content=make()))
    for name, uri in ROOT_PAGES.items():
        files.append(File.generated(config, uri, abs_src_path=str(ROOT / name)))
    pages = [one for one in files.documentation_pages() if one.src_uri not in MADE]
    linked = {path for one in pages for path in targets(one.content_string, one.src_uri)}
    for path in sorted(linked):
        uri = site_path(path)
        # What is missing is left to MkDocs, which names the page that has the link.
        if files.get_file_from_path(uri) is None and (ROOT / path).is_file():
            files.append(File.generated(config, uri, abs_src_path=str(ROOT / path)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Links as the site has them."""
    del config, files
    if page.file.src_uri in MADE:
        return markdown
    assert (ROOT / project_path(page.file.src_uri)).is_file()
    return in_site(markdown, page.file.src_uri)
