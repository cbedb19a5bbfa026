# SPDX-License-Identifier: Apache-2.0
"""Text put together from token bytes is what Python's own decoder makes of the whole."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ppocrvl.support.native import _native

# Valid text, raw bytes, and the bytes at the edges of what may begin or continue a character.
EDGE_BYTES = bytes.fromhex("41 80 8f 90 9f a0 bf c0 c1 c2 df e0 e1 ed ef f0 f4 f5 ff")
EDGES = st.sampled_from([EDGE_BYTES[i : i + 1] for i in range(len(EDGE_BYTES))])
CHUNKS = st.lists(st.one_of(EDGES, st.binary(max_size=4), st.text().map(str.encode)))


@given(CHUNKS)
def test_as_python_s_replace(chunks: list[bytes]) -> None:
    assert _native._test.decode_utf8(chunks) == b"".join(chunks).decode("utf-8", "replace")


@given(st.text(min_size=1), st.data())
def test_any_split_of_valid_text(text: str, data: st.DataObject) -> None:
    whole = text.encode()
    cut = data.draw(st.integers(0, len(whole)))
    assert _native._test.decode_utf8([whole[:cut], whole[cut:]]) == text
