# SPDX-License-Identifier: Apache-2.0
"""What the programs say on stderr, one line each, and the exit codes that go with it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from ppocrvl.errors import EngineError, ExitCode, OutputError, PpocrvlError
from ppocrvl.support.memory import wants_memory

if TYPE_CHECKING:
    from collections.abc import Callable

    from ppocrvl.engine.engine import Engine


def exit_code(run: Callable[[], int], program: str = "ppocrvl") -> int:
    """What `run` gives, or the code of the error that ends it, which is reported in one line.

    Args:
        run: gives an exit code.
        program: its name in the message.
    """
    try:
        code = run()
        sys.stdout.flush()
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has had enough of it, as in `ppocrvl … | head -1`.
        return ExitCode.BROKEN_PIPE
    except PpocrvlError as error:
        return report(error, program)
    except OSError as error:
        # What has no name of a file is standard output.
        what = "cannot write the result" if error.filename is None else error.filename
        return report(OutputError(f"{what}: {error.strerror or error}"), program)
    except (MemoryError, ImportError, RuntimeError) as error:
        if not wants_memory(error):
            raise
        message = "out of memory; a lower --max-pixels or --max-tokens needs less"
        return report(EngineError(message), program)
    return code


def report(error: PpocrvlError, program: str = "ppocrvl") -> int:
    """Print an error and give its exit code."""
    note(f"error: {' '.join(str(error).split())}", program)
    return error.exit_code


def note(text: str, program: str = "ppocrvl") -> None:
    """Print a line that is no result."""
    sys.stderr.write(f"{program}: {text}\n")
    sys.stderr.flush()


def note_about(engine: Engine) -> None:
    """Print what whoever started an engine is told of it."""
    from ppocrvl.models.folder import built_in_note

    if engine.paths.built_in:
        note(built_in_note("--model "))
    for line in engine.notes:
        note(line)


def counted(number: int, what: str) -> str:
    """How many there are of it: 1 page, 2 pages."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
