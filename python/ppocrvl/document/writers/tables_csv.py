# SPDX-License-Identifier: Apache-2.0
"""Each table, and each chart that was read, as a CSV file (RFC 4180)."""

from __future__ import annotations

import csv
from io import StringIO
from typing import TYPE_CHECKING

from ppocrvl.document.tables import table_of
from ppocrvl.document.writers.written import File

if TYPE_CHECKING:
    from ppocrvl.document.document import Document
    from ppocrvl.document.tables import Table
    from ppocrvl.document.writers.written import WriteOptions


def csv_files(document: Document, options: WriteOptions) -> list[File]:
    """`<stem>-page-2-table-1.csv` and so on; a cell that covers several stands in its first."""
    files = []
    for page in document.pages:
        tables = [table for block in page.blocks if (table := table_of(block)) is not None]
        for number, table in enumerate(tables, 1):
            name = f"{options.stem}-page-{page.index + 1}-table-{number}.csv"
            files.append(File(name, _csv(table)))
    return files


def _csv(table: Table) -> str:
    out = StringIO()
    writer = csv.writer(out)
    for row in table.grid():
        writer.writerow([cell.text if cell is not None else "" for cell in row])
    return out.getvalue()
