# SPDX-License-Identifier: Apache-2.0
"""A Ray of several nodes on this machine; its address goes to standard output.

python -m tests.batch.cluster CPUS[:GPUS]…

There is a node for each number of CPUs; GPUs are numbers alone. A line "remove" on standard input
removes the last one, as a machine that fails, "add" adds one like the last; the end ends all.
"""

from __future__ import annotations

import sys

from ray.cluster_utils import Cluster


def main() -> None:
    sizes = [one.partition(":") for one in sys.argv[1:]]
    first, *others = [
        {"num_cpus": int(cpus), "num_gpus": int(gpus or 0), "object_store_memory": 200 << 20}
        for cpus, _, gpus in sizes
    ]
    cluster = Cluster(initialize_head=True, head_node_args={"include_dashboard": False, **first})
    nodes = [cluster.add_node(**one) for one in others]
    sys.stdout.write(f"{cluster.address}\n")
    sys.stdout.flush()
    for line in sys.stdin:
        if line.strip() == "add":
            nodes.append(cluster.add_node(**[first, *others][-1]))
        else:
            cluster.remove_node(nodes.pop(), allow_graceful=False)
    cluster.shutdown()


main()
