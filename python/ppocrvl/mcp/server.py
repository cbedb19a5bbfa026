# SPDX-License-Identifier: Apache-2.0
"""The server of the Model Context Protocol, with its two tools."""

from __future__ import annotations

from contextlib import contextmanager
from importlib.metadata import version
from typing import TYPE_CHECKING, Annotated, Literal

from mcp.server import MCPServer
from mcp.server.mcpserver import Context  # noqa: TC002 - read at run time, as all types of tools
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import ToolAnnotations
from pydantic import Field

from ppocrvl.errors import PpocrvlError
from ppocrvl.markup.markdown import result_markdown
from ppocrvl.requests.tasks import TaskName  # noqa: TC001

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ppocrvl.mcp.reading import Reading
    from ppocrvl.mcp.roots import Roots

_FORMATS = {"markdown": "md", "text": "txt", "html": "html", "json": "json"}
_INSTRUCTIONS = (
    "Reads scanned or printed documents and images of text. Use read_document for PDFs and whole "
    "pages, read_image for an image of one text, table or formula."
)
_Path = Annotated[str, Field(description="of a file on this machine, in a folder that may be read")]
_Pages = Annotated[
    str | None, Field(description='which pages, such as "1-3,7,-1"; all if left out')
]
_READS_ONLY = ToolAnnotations(read_only_hint=True, open_world_hint=False)


def make_server(reading: Reading, roots: Roots) -> MCPServer:
    """A server whose tools read files below the roots."""
    server = MCPServer(
        "ppocrvl", instructions=_INSTRUCTIONS, version=version("ppocrvl"), log_level="WARNING"
    )

    @server.tool(annotations=_READS_ONLY, structured_output=False)  # type: ignore[untyped-decorator]
    async def read_document(
        path: _Path,
        ctx: Context,
        pages: _Pages = None,
        form: Literal["markdown", "text", "html", "json"] = "markdown",
    ) -> str:
        """Read a PDF, or a picture of a page: headings, text, tables and formulas, in order."""

        async def progress(done: int, n_pages: int) -> None:
            await ctx.report_progress(done, n_pages, f"page {done} of {n_pages}")

        with _told(), roots.open(path) as file:
            document = await reading.document(file, path, pages=pages, progress=progress)
        return document.to(_FORMATS[form])

    @server.tool(annotations=_READS_ONLY, structured_output=False)  # type: ignore[untyped-decorator]
    async def read_image(path: _Path, task: TaskName = "ocr") -> str:
        """Read a picture of one text, table, chart or formula, as Markdown."""
        with _told(), roots.open(path) as file:
            return result_markdown(await reading.image(file, task))

    return server


@contextmanager
def _told() -> Iterator[None]:
    """The agent is told what was wrong; of other errors the SDK tells it nothing."""
    try:
        yield
    except PpocrvlError as error:
        raise ToolError(" ".join(str(error).split())) from error
