# SPDX-License-Identifier: Apache-2.0
"""A Ray of so many CPUs; its address goes to standard output. Ends with standard input.

python -m tests.batch.cluster CPUS
"""

from __future__ import annotations

import sys

import ray

ray.init(
    address="local",
    num_cpus=int(sys.argv[1]),
    include_dashboard=False,
    log_to_driver=False,
    object_store_memory=200 << 20,
)
sys.stdout.write(f"{ray.get_runtime_context().gcs_address}\n")
sys.stdout.flush()
sys.stdin.read()
ray.shutdown()
