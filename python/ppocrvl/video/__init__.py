# SPDX-License-Identifier: Apache-2.0
"""Texts of a video with their times: frames, what changes between them, readings, captions."""
