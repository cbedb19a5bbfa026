# SPDX-License-Identifier: Apache-2.0
"""What every part may use: files written aside, hashes, locks, memory, the extension."""
