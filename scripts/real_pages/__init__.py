# SPDX-License-Identifier: Apache-2.0
"""Pages that others made: where they are from, and how much of their text regions cover."""
