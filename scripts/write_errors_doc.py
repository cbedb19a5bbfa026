# SPDX-License-Identifier: Apache-2.0
"""Write docs/errors.md from ppocrvl/errors.py and the codes in ppocrvl/server/codes.py.

python scripts/write_errors_doc.py
"""

from __future__ import annotations

import inspect
from pathlib import Path

from ppocrvl import errors
from ppocrvl.server.codes import CODES

TARGET = Path(__file__).resolve().parent.parent / "docs" / "errors.md"

INTRODUCTION = """\
<!-- Written by scripts/write_errors_doc.py from python/ppocrvl/errors.py and server/codes.py. -->
# Errors and exit codes

Every error that ppocrvl raises on purpose is a subclass of `ppocrvl.PpocrvlError`. Its message is
one line: what is wrong, where, and what to do. The command line prints it on stderr as
`ppocrvl: error: …`, without a traceback, and exits with the code of the error. A command that is
used wrongly says `ppocrvl COMMAND: error: …`, with the names that were probably meant, and exits
with 2. With several images or documents, one that fails is reported and the others are still read;
the exit code is that of the first failure (for `ppocrvl parse` see `--fail-on`). A traceback means
a fault of ppocrvl: please report it.

"""

SERVER_INTRODUCTION = """
## Errors of the server

`ppocrvl serve` answers every error with OpenAI's object, `{"error": {"message", "type", "param",
"code"}}`, and the HTTP status of its code. Codes stay as they are; messages may change. Where a
image among several cannot be read, its place in the answer of `/v1/ocr` holds this object; in a
stream that has begun it comes as the last event.

"""

OTHER_CODES = {
    errors.ExitCode.OK: "success",
    errors.ExitCode.INTERNAL: "a fault of ppocrvl, or the self-test of `ppocrvl doctor` failed",
    errors.ExitCode.PARITY: "`ppocrvl parity`: a stage is out of its bound",
    errors.ExitCode.INTERRUPTED: "Ctrl-C",
    errors.ExitCode.TERMINATED: (
        "SIGTERM during `export`, `parse` or `batch`: nothing incomplete is left"
    ),
    errors.ExitCode.BROKEN_PIPE: "whoever read the output has closed it, as `head -1` does",
}


def error_classes() -> list[type[errors.PpocrvlError]]:
    """All classes, in the order of the file."""
    return [
        value
        for value in vars(errors).values()
        if inspect.isclass(value) and issubclass(value, errors.PpocrvlError)
    ]


def markdown() -> str:
    """The whole document."""
    lines = ["| exit code | name | error | meaning |", "|---|---|---|---|"]
    for code in errors.ExitCode:
        classes = [cls for cls in error_classes() if cls.exit_code == code]
        if code in OTHER_CODES:
            lines.append(f"| {code.value} | {code.name} | | {OTHER_CODES[code]} |")
        lines.extend(
            f"| {code.value} | {code.name} | `{cls.__name__}` | {_meaning(cls)} |"
            for cls in classes
            if cls is not errors.PpocrvlError
        )
    return INTRODUCTION + "\n".join(lines) + "\n" + SERVER_INTRODUCTION + _server_table()


def _server_table() -> str:
    """The server's codes, by status."""
    lines = ["| status | code | type | meaning |", "|---|---|---|---|"]
    lines += [
        f"| {code.status} | `{name}` | `{code.type}` | {code.meaning} |"
        for name, code in sorted(CODES.items(), key=lambda item: item[1].status)
    ]
    return "\n".join(lines) + "\n"


def _meaning(cls: type[errors.PpocrvlError]) -> str:
    text = " ".join((inspect.getdoc(cls) or "").split()).rstrip(".")
    builtin = [base.__name__ for base in cls.__bases__ if base.__module__ == "builtins"]
    return text + (f"; subclass of `{builtin[0]}` too" if builtin else "")


if __name__ == "__main__":
    TARGET.write_text(markdown(), encoding="utf-8")
