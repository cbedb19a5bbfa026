# SPDX-License-Identifier: Apache-2.0
"""Make the text that the built-in reader is trained on from Debian packages.

    python scripts/make_corpus.py --root ROOT --out CORPUS

ROOT is where the packages of scripts/tiny/corpus.txt are unpacked (``dpkg -x``), one folder a
package. CORPUS gets ``train.txt``, ``held-out.txt`` (of packages that training never sees) and
``code.txt``. The same packages give the same files.
"""

from __future__ import annotations

import argparse
import gzip
import random
from pathlib import Path

from tiny import corpus
from tiny.alphabet import folded, known

LIST = Path(__file__).with_name("tiny") / "corpus.txt"
MOST = 2_500_000  # characters of one package, so that none is all of it
MOST_OF_A_FILE = 400_000
TEXTS = frozenset((".txt", ".rst", ".md", ".dict", ""))


def content(path: Path) -> str:
    """A file's text, unpacked, or "" where it is none."""
    data = path.read_bytes()[: 4 * MOST_OF_A_FILE]
    if path.suffix in {".gz", ".dz"}:
        with gzip.open(path) as f:
            data = f.read(4 * MOST_OF_A_FILE)
    try:
        return data.decode()
    except UnicodeDecodeError:
        return "" if b"\0" in data else data.decode("utf-8", "ignore")


def parts(path: Path) -> tuple[list[str], list[str]]:
    """Paragraphs and lines of code of a file."""
    names = [s for s in path.suffixes if s not in {".gz", ".dz"}]
    kind = names[-1] if names else ""
    if kind in {".html", ".htm", ".xhtml"}:
        reader = corpus.Reader()
        reader.feed(content(path))
        return reader.paragraphs, reader.code
    if kind[1:].isdigit() and "/man/" in str(path):
        return list(corpus.of_manual(corpus.plain(content(path)))), []
    if kind in TEXTS or "/games/fortunes/" in str(path):
        return list(corpus.of_text(content(path))), []
    return [], []


def of_package(folder: Path) -> tuple[list[str], list[str]]:
    """What is kept of a package: different paragraphs and lines of code, in a random order."""
    files = [p for p in sorted(folder.rglob("*")) if p.is_file() and not p.is_symlink()]
    files = [p for p in files if p.name not in {"copyright", "changelog.gz", "changelog.Debian.gz"}]
    random.Random(folder.name).shuffle(files)
    said: dict[str, None] = {}
    code: dict[str, None] = {}
    size = 0
    for path in files:
        paragraphs, lines = parts(path)
        for one in paragraphs:
            kept = corpus.cleaned(one)
            if kept and kept not in said:
                said[kept] = None
                size += len(kept)
        for line in lines:
            shown = folded(line.rstrip().expandtabs(4))
            if 4 < len(shown) < 120 and known(shown):
                code[shown] = None
        if size > MOST:
            break
    return list(said), list(code)[:20_000]


def main() -> None:
    """Read the packages, write the files."""
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument("--root", type=Path, required=True)
    p.add_argument("--out", type=Path, required=True)
    args = p.parse_args()
    out: dict[str, list[str]] = {"train": [], "held-out": [], "code": []}
    for row in LIST.read_text(encoding="utf-8").splitlines():
        package, use = row.split()
        said, code = of_package(args.root / package)
        out[use] += said
        out["code"] += code if use == "train" else []
        print(f"{package}: {sum(map(len, said))} characters, {len(code)} lines of code", flush=True)
    args.out.mkdir(parents=True, exist_ok=True)
    for name, lines in out.items():
        temporary = args.out / f"{name}.part"
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")
        temporary.replace(args.out / f"{name}.txt")


if __name__ == "__main__":
    main()
