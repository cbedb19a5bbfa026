# SPDX-License-Identifier: Apache-2.0
"""`ppocrvl export --modelfile`. Ollama itself is not at hand: its template language is read here
as far as the template uses it, and the result compared with the chat template of the files."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import jinja2
import pytest

from ppocrvl.cli.main import run_command
from ppocrvl.exporter import export
from ppocrvl.exporter.chat_template import chat_template
from ppocrvl.exporter.modelfile import ollama_modelfile
from ppocrvl.exporter.version import ModelVersion

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TURNS = [
    {"role": "user", "content": "OCR:"},
    {"role": "assistant", "content": "a text"},
    {"role": "user", "content": "Table Recognition:"},
]


def template_of(text: str) -> str:
    found = re.search(r'TEMPLATE """(.*?)"""', text, re.DOTALL)
    assert found
    return found[1]


def in_jinja(go: str) -> str:
    """Go's template language to Jinja's: the four words of it that are used."""
    for ours, theirs in (
        ("{{ range .Messages }}", "{% for m in messages %}"),
        ('{{ if eq .Role "user" }}', "{% if m.role == 'user' %}"),
        ('{{ else if eq .Role "assistant" }}', "{% elif m.role == 'assistant' %}"),
        ("{{ .Content }}", "{{ m.content }}"),
        ("{{ end }}{{ end }}", "{% endif %}{% endfor %}"),
    ):
        assert go.count(ours) >= 1, ours
        go = go.replace(ours, theirs)
    return go


def rendered(template: str, **values: Any) -> str:
    environment = jinja2.Environment(autoescape=False, keep_trailing_newline=True)  # noqa: S701
    return environment.from_string(template).render(**values)


@pytest.mark.parametrize("version", list(ModelVersion))
@pytest.mark.parametrize("turns", [TURNS[:1], TURNS])
def test_template_says_what_the_chat_template_says(
    version: ModelVersion, turns: list[dict[str, str]]
) -> None:
    text = ollama_modelfile("a.gguf", "mmproj-a.gguf", version)
    expected = rendered(chat_template(version, "</s>"), messages=turns, add_generation_prompt=True)
    assert rendered(in_jinja(template_of(text)), messages=turns) == expected


def test_command_writes_it_beside_the_files(
    synthetic: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert run_command(["export", str(synthetic()), "-o", str(out), "--modelfile"]) == 0
    llm, mmproj, modelfile = capsys.readouterr().out.splitlines()
    assert modelfile == str(out / "Modelfile")
    text = (out / "Modelfile").read_text(encoding="utf-8")
    named = re.findall(r"^FROM \./(.+)$", text, re.MULTILINE)
    assert [str(out / name) for name in named] == [llm, mmproj]
    assert re.findall(r"^PARAMETER (temperature|repeat_penalty) (.+)$", text, re.MULTILINE) == [
        ("temperature", "0"),
        ("repeat_penalty", "1"),
    ]
    assert "Not tried with Ollama" in text


def test_it_is_not_written_unasked(synthetic: Callable[..., Path], tmp_path: Path) -> None:
    assert export(synthetic(), tmp_path).modelfile is None
    assert not (tmp_path / "Modelfile").exists()
