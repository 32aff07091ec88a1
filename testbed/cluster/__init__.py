"""A laboratory in which several hosts are shown on one machine: nodes, a network, a swarm, Redis.

Each `node` is a machine of its own as far as Docker can see: it has its own processes, network, host name,
mounts and engine. All of that lives in namespaces which no file names, so the kernel removes it when the
process that made the lab ends, however that ends.
"""

from .lab import Lab, laboratory
from .node import Node

__all__ = ["Lab", "Node", "laboratory"]
