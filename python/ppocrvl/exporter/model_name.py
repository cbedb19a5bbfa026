# SPDX-License-Identifier: Apache-2.0
"""What a model is called in file names and in `general.name`, and its commit on the hub."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ppocrvl.errors import OptionError

if TYPE_CHECKING:
    from pathlib import Path

# A space and what follows it are for people who name a model "PaddleOCR-VL 1.6 (ours)".
_NAME = re.compile(r"[^\W_][\w .()+-]{0,127}")
_REVISION = re.compile(r"[0-9A-Za-z._-]{1,128}")
# The folder that the hub's client downloads to: models--<owner>--<name>/snapshots/<commit>.
_HUB_REPOSITORY = re.compile(r"models--.+--(?P<name>[^\W_][\w.-]*)")


def check_name(name: str | None) -> None:
    """Lets names through that can be part of a file name, and None.

    Raises:
        OptionError: Any other name.
    """
    if name is not None and not _NAME.fullmatch(name):
        raise OptionError(
            f"the name {name!r} cannot be part of a file name; take letters, digits and . _ -"
        )


def check_revision(revision: str | None) -> None:
    """Lets commits through, and None.

    Raises:
        OptionError: Anything else.
    """
    if revision is not None and not _REVISION.fullmatch(revision):
        raise OptionError(f"the revision {revision!r} is no commit; take its letters and digits")


def hub_name(folder: Path) -> str | None:
    """The repository's name, if this is a folder of the hub's download cache."""
    hub = _HUB_REPOSITORY.fullmatch(folder.parent.parent.name)
    if hub is not None and folder.parent.name == "snapshots":
        return hub["name"]
    return None
