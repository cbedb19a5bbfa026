# SPDX-License-Identifier: Apache-2.0
"""The formats of a document, one file each; `formats` is the table of them."""
