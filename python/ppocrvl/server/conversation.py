# SPDX-License-Identifier: Apache-2.0
"""From the messages of a chat to images and the question about them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from ppocrvl.requests.tasks import TASKS, Task
from ppocrvl.server.codes import ApiError
from ppocrvl.server.schemas import ImagePart, Message

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ppocrvl.requests.options import ReadOptions

Role: TypeAlias = Literal["user", "assistant"]

_TASK_OF_PROMPT = {task.prompt: task for task in TASKS.values()}


@dataclass(frozen=True, slots=True)
class Turn:
    """What one side said.

    Attributes:
        role: "user" or "assistant".
        text: its text parts, one after the other, as the model's chat template has them.
    """

    role: Role
    text: str


@dataclass(frozen=True, slots=True)
class Conversation:
    """A question about images, and what was said before.

    Attributes:
        pictures: as the messages refer to them; all of the first message of the user.
        turns: of user and assistant in turn, from the user to the user.
    """

    pictures: tuple[str, ...]
    turns: tuple[Turn, ...]

    @property
    def task(self) -> Task | None:
        """The task whose prompt the question is."""
        return _TASK_OF_PROMPT.get(self.turns[-1].text.strip())


def read_messages(messages: Sequence[Message]) -> Conversation:
    """Check messages and take them apart.

    Raises:
        ApiError: this is no conversation that the model can go on with.
    """
    turns: list[Turn] = []
    pictures: list[str] = []
    for number, message in enumerate(messages):
        role = _checked_role(number, message.role)
        parts = [] if isinstance(message.content, str) else message.content
        images = [part.image_url for part in parts if isinstance(part, ImagePart)]
        texts = [part.text for part in parts if not isinstance(part, ImagePart)]
        if isinstance(message.content, str):
            texts = [message.content]
        if images and number:
            raise _unsupported("images belong into the first message of the user", number)
        pictures += [one if isinstance(one, str) else one.url for one in images]
        text = "".join(texts)
        if message.role == "user" and not text.strip():
            text = TASKS["ocr"].prompt  # a picture alone: read it
        turns.append(Turn(role, text))
    if turns[-1].role != "user":
        raise _unsupported("the last message must be of the user", len(messages) - 1)
    return Conversation(tuple(pictures), tuple(turns))


def _checked_role(number: int, role: str) -> Role:
    """The role, which must be of the one whose turn it is."""
    if role not in {"user", "assistant"}:
        raise _unsupported(
            "the model was not trained with system messages and reads badly with one; "
            "put instructions into the user's message",
            number,
        )
    expected: Role = "assistant" if number % 2 else "user"
    if role != expected:
        raise _unsupported(f"message {number} must be of the {expected}", number)
    return expected


def as_options(conversation: Conversation) -> ReadOptions:
    """The keywords with which the engine is asked this."""
    if len(conversation.turns) == 1:
        return {"prompt": conversation.turns[0].text}
    return {"messages": [{"role": turn.role, "content": turn.text} for turn in conversation.turns]}


def _unsupported(message: str, number: int) -> ApiError:
    return ApiError("conversation_unsupported", message, param=f"messages.{number}")
