# SPDX-License-Identifier: Apache-2.0
"""PDFium, in a process of its own: a program that answers questions about one PDF.

PDFium has no limits on memory or time, and a hostile file of some hundred bytes makes it take
gigabytes, run for ever or crash. Here that ends this process alone: `pdf_process` starts it by its
path, so it imports nothing of ppocrvl. It is not thread-safe either, and has one thread here.

Questions come on stdin: a line of JSON, the first with what to open (and the bytes of the PDF
behind it, where there is no path). Each answer on stdout is a line of JSON, and raw bytes behind it
where the question asks for some. Lengths of these follow from the question, or are in the line.
"""

from __future__ import annotations

import ctypes
import json
import math
import os
import resource
import sys
import time
from array import array
from typing import Any

import pypdfium2.raw as pdfium

ERRORS = {
    pdfium.FPDF_ERR_PASSWORD: "password",
    pdfium.FPDF_ERR_SECURITY: "security",
    pdfium.FPDF_ERR_FILE: "file",
}
WHITE = 0xFFFFFFFF


class Refused(Exception):  # noqa: N818 - a word of the answer, not an error of this program
    """The answer is that something cannot be had."""


class Pdf:
    """The document that is open, and the page that was asked for last."""

    def __init__(self, hello: dict[str, Any], data: bytes | None) -> None:
        # UTF-8, as PDFium has it; an empty one opens what only an owner's password protects.
        password = (hello["password"] or "").encode("utf-8", "surrogateescape") + b"\0"
        self._data = data  # PDFium reads it as long as the document is open
        if data is None:
            self._document = pdfium.FPDF_LoadDocument(os.fsencode(hello["path"]) + b"\0", password)
        else:
            self._document = pdfium.FPDF_LoadMemDocument64(data, len(data), password)
        if not self._document:
            raise Refused(ERRORS.get(pdfium.FPDF_GetLastError(), "format"))
        self.n_pages = pdfium.FPDF_GetPageCount(self._document)
        self._forms = None
        if pdfium.FPDF_GetFormType(self._document) != pdfium.FORMTYPE_NONE:
            self._form_info = pdfium.FPDF_FORMFILLINFO(version=2)
            self._forms = pdfium.FPDFDOC_InitFormFillEnvironment(self._document, self._form_info)
        self._index = -1
        self._page: Any = None

    def sizes(self) -> bytes:
        """Width and height of each page in points, float32; zeros where they cannot be had."""
        sizes, size = array("f"), pdfium.FS_SIZEF()
        for index in range(self.n_pages):
            if pdfium.FPDF_GetPageSizeByIndexF(self._document, index, size):
                sizes.extend((size.width, size.height))
            else:
                sizes.extend((0.0, 0.0))
        return sizes.tobytes()

    def size(self, index: int) -> tuple[float, float]:
        """Width and height of a page, without reading what is on it."""
        size = pdfium.FS_SIZEF()
        if not pdfium.FPDF_GetPageSizeByIndexF(self._document, index, size):
            raise Refused("page")
        return size.width, size.height

    def render(self, index: int, width: int, height: int) -> ctypes.Array[ctypes.c_ubyte]:
        """The page's pixels, RGB."""
        page = self._load(index)
        pixels = (ctypes.c_ubyte * (width * height * 3))()
        bitmap = pdfium.FPDFBitmap_CreateEx(width, height, pdfium.FPDFBitmap_BGR, pixels, width * 3)
        if not bitmap:
            raise Refused("page")
        pdfium.FPDFBitmap_FillRect(bitmap, 0, 0, width, height, WHITE)
        place = (bitmap, page, 0, 0, width, height, 0)
        flags = pdfium.FPDF_ANNOT | pdfium.FPDF_REVERSE_BYTE_ORDER
        pdfium.FPDF_RenderPageBitmap(*place, flags)
        if self._forms:
            pdfium.FPDF_FFLDraw(self._forms, *place, flags)
        pdfium.FPDFBitmap_Destroy(bitmap)
        return pixels

    def rotation(self, index: int) -> int:
        """Quarter turns clockwise."""
        return max(0, int(pdfium.FPDFPage_GetRotation(self._load(index))))

    def characters(self, index: int, most: int) -> tuple[list[float], bytes, bytes]:
        """The page's box, and of each character what it is and where, in the page's own axes.

        Returns:
            (left, bottom, right, top) of the page; uint32 [n, 2] of code points and flags (1: not
            mapped, 2: generated); float32 [n, 4] of left, bottom, right, top.
        """
        page = self._load(index)
        rect = pdfium.FS_RECTF()
        text = pdfium.FPDFText_LoadPage(page)
        if not text or not pdfium.FPDF_GetPageBoundingBox(page, rect):
            raise Refused("text")
        what, where = array("I"), array("f")
        left, right, bottom, top = (ctypes.c_double() for _ in range(4))
        for i in range(min(pdfium.FPDFText_CountChars(text), most)):
            unmapped = pdfium.FPDFText_HasUnicodeMapError(text, i) == 1
            generated = pdfium.FPDFText_IsGenerated(text, i) == 1
            what.extend((pdfium.FPDFText_GetUnicode(text, i), unmapped | generated << 1))
            found = pdfium.FPDFText_GetCharBox(text, i, left, right, bottom, top)
            where.extend(
                (left.value, bottom.value, right.value, top.value) if found else (math.nan,) * 4
            )
        pdfium.FPDFText_ClosePage(text)
        return [rect.left, rect.bottom, rect.right, rect.top], what.tobytes(), where.tobytes()

    def _load(self, index: int) -> Any:  # noqa: ANN401 - a handle of PDFium
        if index != self._index:
            if self._page:
                if self._forms:
                    pdfium.FORM_OnBeforeClosePage(self._page, self._forms)
                pdfium.FPDF_ClosePage(self._page)
            self._index, self._page = index, pdfium.FPDF_LoadPage(self._document, index)
            if self._page and self._forms:
                pdfium.FORM_OnAfterLoadPage(self._page, self._forms)
        if not self._page:
            raise Refused("page")
        return self._page


def limit_memory(n_bytes: int) -> None:
    """More address space than this gives an error, or ends the process."""
    _, most = resource.getrlimit(resource.RLIMIT_AS)
    if most != resource.RLIM_INFINITY:
        n_bytes = min(n_bytes, most)
    resource.setrlimit(resource.RLIMIT_AS, (n_bytes, most))


def limit_time(seconds: int) -> None:
    """From now on, more processor time than this ends the process by SIGXCPU."""
    _, most = resource.getrlimit(resource.RLIMIT_CPU)
    end = math.ceil(time.process_time()) + seconds
    if most != resource.RLIM_INFINITY:
        end = min(end, most)
    resource.setrlimit(resource.RLIMIT_CPU, (end, most))


def answer(pdf: Pdf, question: dict[str, Any]) -> tuple[dict[str, Any], list[Any]]:
    """The line and what comes behind it."""
    kind, index = question["ask"], question.get("page", 0)
    if kind == "sizes":
        return {}, [pdf.sizes()]
    if kind == "size":
        return {"size": pdf.size(index)}, []
    if kind == "render":
        rotation = pdf.rotation(index)
        return {"rotation": rotation}, [pdf.render(index, question["width"], question["height"])]
    box, what, where = pdf.characters(index, question["most"])
    return {"rotation": pdf.rotation(index), "box": box, "n": len(where) // 16}, [what, where]


def write(line: dict[str, Any], parts: list[Any]) -> None:
    """Give an answer."""
    # Not sys.stdout.buffer: with PYTHONUNBUFFERED that is the bare file, which writes less than it
    # is given if a signal interrupts it (Ctrl-Z, a debugger).
    with open(sys.stdout.fileno(), "wb", closefd=False) as out:
        out.write(json.dumps(line).encode() + b"\n")
        out.writelines(parts)


def main() -> None:
    """Answer until there are no more questions."""
    hello = json.loads(sys.stdin.buffer.readline())
    data = None if hello["path"] is not None else sys.stdin.buffer.read(hello["bytes"])
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    limit_memory(hello["memory"])
    limit_time(hello["seconds"])
    try:
        pdf = Pdf(hello, data)
    except Refused as refused:
        write({"refused": str(refused)}, [])
        return
    write({"pages": pdf.n_pages}, [])
    for line in sys.stdin.buffer:
        limit_time(hello["seconds"])
        try:
            reply = answer(pdf, json.loads(line))
        except Refused as refused:
            reply = {"refused": str(refused)}, []
        except MemoryError:
            reply = {"refused": "memory"}, []
        write(*reply)


if __name__ == "__main__":
    main()
