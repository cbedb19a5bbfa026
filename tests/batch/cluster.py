# SPDX-License-Identifier: Apache-2.0
"""A Ray of several nodes on this machine; its address goes to standard output.

python -m tests.batch.cluster CPUS…

There is a node for each number of CPUs. Each line of standard input removes the last one, as a
machine that fails; the end of the input ends all.
"""

from __future__ import annotations

import sys

from ray.cluster_utils import Cluster


def main() -> None:
    sizes = [int(one) for one in sys.argv[1:]]
    memory = {"object_store_memory": 200 << 20}
    head = {"num_cpus": sizes[0], "include_dashboard": False, **memory}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    nodes = [cluster.add_node(num_cpus=n_cpus, **memory) for n_cpus in sizes[1:]]
    sys.stdout.write(f"{cluster.address}\n")
    sys.stdout.flush()
    for _ in sys.stdin:
        cluster.remove_node(nodes.pop(), allow_graceful=False)
    cluster.shutdown()


main()
