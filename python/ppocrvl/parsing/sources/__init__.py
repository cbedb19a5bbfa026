# SPDX-License-Identifier: Apache-2.0
"""What can be parsed, page by page: PDF, pictures, several files as one document.

`opening` tells which of them it is. PDFium runs in a process of its own (`pdf_worker`).
"""
