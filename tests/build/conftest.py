# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
THIRD_PARTY = ROOT / "third_party" / "llama.cpp"

SOURCE = {
    "CMakeLists.txt": "project(pretended)\n",
    "LICENSE": "for the test\n",
    "src/a.cpp": "int a;\n",
    "src/deep/b.cpp": "int b;\n",
}
PATHS = ["CMakeLists.txt", "LICENSE", "src"]
NAME = "ppocrvl-pretended-source"
ARCHIVE = "ppocrvl_pretended_source-1.0"
# The least that makes an archive a source distribution for pip: a backend without requirements.
BACKEND = """\
def prepare_metadata_for_build_wheel(directory, config_settings=None):
    import pathlib
    info = pathlib.Path(directory, "ppocrvl_pretended_source-1.0.dist-info")
    info.mkdir()
    (info / "METADATA").write_text(
        "Metadata-Version: 2.1\\nName: ppocrvl-pretended-source\\nVersion: 1.0\\n")
    return info.name
"""
PYPROJECT = """\
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
[project]
name = "ppocrvl-pretended-source"
version = "1.0"
"""


@pytest.fixture(autouse=True)
def _tools_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """cmake and ninja come with the [test] extra, also where the environment is not activated."""
    folder = str(Path(sys.executable).parent)
    monkeypatch.setenv("PATH", folder + os.pathsep + os.environ.get("PATH", ""))


def tree_hash(files: dict[str, str]) -> str:
    """The definition in source.cmake, a second time: SHA-256 over '<sha256>  <path>' lines."""
    lines = [
        f"{hashlib.sha256(text.encode()).hexdigest()}  {path}\n"
        for path, text in sorted(files.items())
    ]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def write_tree(root: Path, files: dict[str, str]) -> Path:
    for path, text in files.items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, newline="\n")
    return root


@dataclass
class Provider:
    """source.cmake with a pin of its own: a few files instead of llama.cpp, and no network."""

    home: Path
    pin: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.index = self.home / "index"
        self.index.mkdir()
        self.cache = self.home / "cache"
        self.repository = self.home / "repository"
        shutil.copytree(THIRD_PARTY, self.home / "scripts")
        archive = self.write_archive(SOURCE)
        self.pin = {
            "commit": self.write_repository(SOURCE),
            "repository": self.repository.as_uri(),
            "sdist": {
                "name": NAME,
                "version": "1.0",
                "file": archive.name,
                "directory": f"{ARCHIVE}/vendor/llama.cpp",
                "sha256": hashlib.sha256(archive.read_bytes()).hexdigest(),
            },
            "tree": {"paths": PATHS, "sha256": tree_hash(SOURCE)},
        }

    def write_archive(self, files: dict[str, str]) -> Path:
        members = {"PKG-INFO": f"Metadata-Version: 2.1\nName: {NAME}\nVersion: 1.0\n"}
        members |= {"pyproject.toml": PYPROJECT, "backend.py": BACKEND, "elsewhere.txt": "no\n"}
        members |= {f"vendor/llama.cpp/{path}": text for path, text in files.items()}
        path = self.index / f"{ARCHIVE}.tar.gz"
        with tarfile.open(path, "w:gz") as archive:
            for name, text in members.items():
                info = tarfile.TarInfo(f"{ARCHIVE}/{name}")
                info.size = len(text.encode())
                archive.addfile(info, io.BytesIO(text.encode()))
        return path

    def write_repository(self, files: dict[str, str]) -> str:
        write_tree(self.repository, files)
        git = ["git", "-c", "user.name=test", "-c", "user.email=test@example.com"]
        for command in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "-m", "one"]):
            subprocess.run([*git, *command], cwd=self.repository, check=True)
        head = ["git", "rev-parse", "HEAD"]
        output = subprocess.run(
            head, cwd=self.repository, check=True, capture_output=True, text=True
        )
        return output.stdout.strip()

    def break_pip(self) -> None:
        shutil.rmtree(self.index)
        self.index.mkdir()

    def break_git(self) -> None:
        self.pin["repository"] = (self.home / "nowhere").as_uri()

    @property
    def tree(self) -> Path:
        """Where the source is kept once it is provided."""
        return self.cache / f"llama.cpp-{self.pin['commit'][:9]}"

    def kept(self) -> list[str]:
        """What the cache holds, but for the lock files."""
        return sorted(p.name for p in self.cache.glob("*") if p.suffix != ".lock")

    def start(self, **definitions: object) -> subprocess.Popen[str]:
        script = self.home / "scripts" / "source.cmake"
        (script.parent / "pin.json").write_text(json.dumps(self.pin))
        environment = {k: v for k, v in os.environ.items() if not k.startswith("PIP_")}
        environment |= {
            "PPOCRVL_CACHE_DIR": str(self.cache),
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": str(self.index),
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        }
        options = {"Python_EXECUTABLE": sys.executable, **definitions}
        command = ["cmake", *(f"-D{k}={v}" for k, v in options.items()), "-P", str(script)]
        pipe = subprocess.PIPE
        return subprocess.Popen(command, env=environment, stdout=pipe, stderr=pipe, text=True)

    def run(self, **definitions: object) -> subprocess.CompletedProcess[str]:
        with self.start(**definitions) as process:
            out, err = process.communicate()
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)


@pytest.fixture
def provider(tmp_path: Path) -> Provider:
    return Provider(tmp_path)
