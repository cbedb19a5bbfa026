# SPDX-License-Identifier: Apache-2.0
"""Wrong usage is one line on stderr, with the names that were probably meant."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ppocrvl.errors import ExitCode

if TYPE_CHECKING:
    from tests.cli.conftest import Program


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ((), "ppocrvl: error: the following arguments are required: COMMAND"),
        (
            ("orc", "x.png"),
            "ppocrvl: error: argument COMMAND: there is no 'orc'; did you mean ocr?",
        ),
        (
            ("a.tif",),
            "ppocrvl: error: argument COMMAND: there is no 'a.tif'; choose from parse, batch, ",
        ),
        (("--versoin", "doctor"), "ppocrvl: error: there is no option --versoin; did you mean "),
        (
            ("ocr", "--task", "tabl", "x.png"),
            "ppocrvl ocr: error: argument --task: there is no 'tabl'; did you mean table?",
        ),
        (
            ("ocr", "--task", "zzz", "x.png"),
            "ppocrvl ocr: error: argument --task: there is no 'zzz'; choose from chart, formula, ",
        ),
        (
            ("ocr", "--taks=table", "x.png"),
            "ppocrvl ocr: error: there is no option --taks; did you mean --task?",
        ),
        (
            ("ocr", "--min_pixel", "9", "x.png"),
            "ppocrvl ocr: error: there is no option --min_pixel; did you mean --min-pixels or --m",
        ),
        (("ocr", "x.png", "-z"), "ppocrvl ocr: error: there is no option -z"),
        (
            ("ocr", "x.png", "--max-tokens", "many"),
            "ppocrvl ocr: error: argument --max-tokens: invalid int value: 'many'",
        ),
        (("serve", "here"), "ppocrvl serve: error: unexpected argument 'here'"),
        (("doctor", "--a\nb"), "ppocrvl doctor: error: there is no option --a b"),
    ],
)
def test_one_line_says_what_is_wrong(
    ppocrvl_program: Program, arguments: tuple[str, ...], line: str
) -> None:
    done = ppocrvl_program(*arguments)
    assert done.returncode == ExitCode.USAGE
    assert done.stdout == ""
    assert done.stderr.startswith(line)
    assert done.stderr.count("\n") == 1
    program = line.partition(": error")[0]
    assert done.stderr.endswith(f" (see {program} --help)\n")
