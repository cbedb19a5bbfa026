# SPDX-License-Identifier: Apache-2.0
"""Choose the pieces of several letters that the built-in reader writes.

    TINY_CORPUS=CORPUS python scripts/make_pieces.py

writes scripts/tiny/pieces.txt: what SentencePiece's BPE finds in the corpus, letters only (digits
stay single: numbers cannot be guessed), short enough to be seen at a glance, and what LaTeX needs.
"""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path

import sentencepiece

from tiny.tokenizer import FREQUENT, PREFIXES, SPACE, Vocabulary

SIZE = 4096  # of the whole vocabulary
LONGEST = 7  # characters of a piece, the space before it included
LATEX = (
    *(f"\\{name}" for name in ("frac", "sqrt", "sum", "int", "prod", "alpha", "beta", "gamma")),
    *(f"\\{name}" for name in ("lambda", "mu", "sigma", "theta", "pi", "leq", "cdot", "to")),
    *("\\approx", "_{", "^{", "}{", f"{SPACE}={SPACE}", f"{SPACE}+{SPACE}", f"{SPACE}-{SPACE}"),
)
WORD = re.compile(f"{SPACE}?[A-Za-z]+")


def main() -> None:
    """Learn, choose, write."""
    corpus = Path(os.environ["TINY_CORPUS"])
    with tempfile.TemporaryDirectory() as folder:
        sentencepiece.SentencePieceTrainer.train(
            input=str(corpus / "train.txt"),
            model_prefix=f"{folder}/bpe",
            model_type="bpe",
            vocab_size=SIZE,
            max_sentencepiece_length=LONGEST,
            input_sentence_size=40_000,
            shuffle_input_sentence=False,
            split_digits=True,
            normalization_rule_name="identity",
            num_threads=1,
            minloglevel=1,
        )
        found = sentencepiece.SentencePieceProcessor(model_file=f"{folder}/bpe.model")
    pieces = [found.id_to_piece(i) for i in range(found.get_piece_size())]
    words = [p for p in pieces if len(p) > 1 and WORD.fullmatch(p) and p not in PREFIXES]
    FREQUENT.write_text("\n".join(LATEX) + "\n", encoding="utf-8")
    room = SIZE - len(Vocabulary.built_in().tokens)
    FREQUENT.write_text("\n".join((*LATEX, *words[:room])) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
