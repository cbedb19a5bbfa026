# SPDX-License-Identifier: Apache-2.0
"""A random style sheet for one HTML document: page, faces, headings, tables, boxes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random

    from pages.faces import Faces, Family

ACCENTS = ("#000", "#000", "#1e3c78", "#96191e", "#145f3c", "#5a2878", "#006e8c")
PAPERS = ("A4", "A4", "letter", "7in 10in", "6in 9in", "legal")
RUNNING = [
    "Annual",
    "Report",
    "Chapter",
    "Draft",
    "Manual",
    "Review",
    "Notes",
    "Volume",
    "Issue",
    "Data",
]
COUNTERS = ("counter(page)", '"Page " counter(page)', '"- " counter(page) " -"')
FIXED = """
body { margin: 0 }
h1, h2, h3 { line-height: 1.2 }
h1 { margin: 0 0 .5em }
h2 { margin: .9em 0 .35em }
h3 { margin: .7em 0 .3em }
table { border-collapse: collapse; font-size: .88em; margin: .5em auto }
figure { margin: .6em 0; text-align: center }
img { max-width: 100% }
.caption, figcaption { font-size: .86em; text-align: center; text-indent: 0; margin: .3em 0 }
pre { padding: .5em; margin: .5em 0; white-space: pre-wrap; overflow-wrap: anywhere }
ul, ol { margin: .4em 0 }
dt { font-weight: bold }
blockquote { margin: .5em 2em; font-style: italic }
aside { background: #edf0f4; padding: .8em; margin-bottom: .8em }
.front { column-span: all }
.by { text-indent: 0; font-style: italic }
.abstract { margin: .6em 6%; font-size: .92em; text-indent: 0 }
.formula { text-align: center; margin: .5em 0 }
.formula span { float: right }
.note { float: footnote; font-size: .8em }
"""


def style_sheet(rng: random.Random, faces: Faces, *, columns: int) -> str:
    """CSS for a document whose ``main`` has so many columns."""
    accent, rule = rng.choice(ACCENTS), rng.choice(("#000", "#888", "#ccc"))
    size = rng.choice((8.5, 9, 9.5, 10, 10.5, 11, 12))
    return "\n".join(
        (
            *_faces(rng, faces),
            _page(rng, size, rule),
            FIXED,
            *_text(rng, size, accent),
            *_tables(rng, accent, rule, columns),
            *_boxes(rng, size, accent, rule),
            f"main {{ columns: {columns}; column-gap: {rng.uniform(5, 9):.0f}mm }}",
            "main { column-rule: 1px solid #aaa }" if rng.random() < 0.2 else "",
        )
    )


def _faces(rng: random.Random, faces: Faces) -> list[str]:
    """Body is F0, headings F1, code M0."""
    body = rng.choice(faces.families)
    heads = body if rng.random() < 0.5 else rng.choice(faces.families)
    out = [f'@font-face {{ font-family: M0; src: url("file://{rng.choice(faces.mono)}") }}']
    for name, family in (("F0", body), ("F1", heads)):
        out += _family(name, family)
    return out


def _family(name: str, family: Family) -> list[str]:
    styles = (
        (family.regular, ""),
        (family.bold, "font-weight: bold"),
        (family.italic, "font-style: italic"),
    )
    return [
        f'@font-face {{ font-family: {name}; src: url("file://{path}"); {more} }}'
        for path, more in styles
    ]


def _page(rng: random.Random, size: float, rule: str) -> str:
    small = f"font-size: {size * 0.8}pt"
    heads = [
        f'@{where} {{ content: "{" ".join(rng.choices(RUNNING, k=rng.randint(1, 3)))}"; {small} }}'
        for where in ("top-left", "top-right", "bottom-left")
        if rng.random() < 0.25
    ]
    if rng.random() < 0.8:
        where = rng.choice(("bottom-center", "bottom-center", "bottom-right", "top-center"))
        heads.append(f"@{where} {{ content: {rng.choice(COUNTERS)}; {small} }}")
    margins = " ".join(f"{rng.uniform(14, 30):.0f}mm" for _ in range(4))
    notes = f"@footnote {{ border-top: 1px solid {rule} }}"
    return f"@page {{ size: {rng.choice(PAPERS)}; margin: {margins}; {''.join(heads)} {notes} }}"


def _text(rng: random.Random, size: float, accent: str) -> list[str]:
    ink = rng.choice(("#000", "#111", "#333"))
    align, indent = rng.choice(("justify", "left")), rng.choice((0, 0, 1.3))
    heads = (
        f"font-family: F1; color: {accent}; text-align: {rng.choice(('left', 'left', 'center'))}"
    )
    return [
        f"html {{ font: {size}pt/{rng.uniform(1.15, 1.55):.2f} F0; color: {ink} }}",
        f"p {{ margin: 0 0 {rng.choice((0, 0.3, 0.6, 0.9))}em }}",
        f"p {{ text-align: {align}; text-indent: {indent}em }}",
        f"h1, h2, h3 {{ {heads} }}",
        f"h1 {{ font-size: {rng.uniform(1.5, 2.6):.2f}em }}",
        f"h2 {{ font-size: {rng.uniform(1.1, 1.5):.2f}em }}",
        f"h3 {{ font-size: {rng.uniform(1, 1.15):.2f}em }}",
        f"ul, ol {{ padding-left: {rng.uniform(1.2, 2.4):.1f}em }}",
        f"li {{ margin-bottom: {rng.choice((0, 0.2, 0.5))}em }}",
        f"dd {{ margin: 0 0 .4em {rng.uniform(1, 3):.1f}em }}",
    ]


def _tables(rng: random.Random, accent: str, rule: str, columns: int) -> list[str]:
    line = f"1px solid {rule}"
    dark = accent if accent != "#000" else "#444"
    rules = (
        f"td, th {{ border: {line} }}",
        f"table {{ border-top: {line}; border-bottom: {line} }} th {{ border-bottom: {line} }}",
        f"tr {{ border-bottom: {line} }}",
        "tr:nth-child(even) { background: #eee }",
        f"th {{ background: {dark}; color: #fff }}",
        "",
    )
    # In narrow columns a table must not be wider than its column, as it would if its words decided.
    fixed = "width: 100%; table-layout: fixed; overflow-wrap: anywhere"
    width = fixed if columns > 1 else rng.choice(("width: 100%", "max-width: 100%"))
    pad = f"{rng.uniform(1, 4):.0f}px {rng.uniform(4, 9):.0f}px"
    align = rng.choice(("left", "left", "center", "right"))
    return [
        f"table {{ {width} }}",
        f"td, th {{ padding: {pad}; text-align: {align} }}",
        rng.choice(rules),
    ]


def _boxes(rng: random.Random, size: float, accent: str, rule: str) -> list[str]:
    looks = ("background: #f0f0f0", f"border: 1px solid {rule}", f"border-left: 3px solid {accent}")
    return [
        f"pre {{ font: {size * 0.85}pt/1.25 M0; {rng.choice((*looks, ''))} }}",
        "code { font-family: M0 }",
    ]
