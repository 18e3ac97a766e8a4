"""Whether what TensorFlow runs could run on a GPU, found out without one."""

import contextlib
import functools
from collections.abc import Iterable, Iterator

import tensorflow as tf
from tensorflow.python.framework import kernels

# By design the CPU runs the functions of tf.data, which read and decode files, and all that handles strings.
_OF_DATASETS = "Dataset_"
_OF_STRINGS = {"DecodeRaw", "ReadFile", "StringFormat"}
# Operations on a handful of integers, where a copy costs nothing.
_OF_INTEGERS = {
    "ArgMax": "which item of a batch an exported model refuses",
    "Split": "shapes, in Jacobians; labels, which come from the CPU",
}


@functools.cache
def _kernels(operation: str) -> list:
    """The registered kernels of an operation that a GPU can run; DEFAULT ones suit any device."""
    registered = kernels.get_registered_kernels_for_op(operation).kernel
    return [kernel for kernel in registered if kernel.device_type in ("GPU", "DEFAULT")]


def available() -> bool:
    """Whether this TensorFlow was built with GPU kernels."""
    return bool(_kernels("MatMul"))


def _is_excepted(node) -> bool:
    types = {tf.dtypes.as_dtype(value.type) for value in node.attr.values() if value.type}
    return (
        tf.string in types
        or node.op in _OF_STRINGS
        or (
            node.op in _OF_INTEGERS
            and node.attr["T"].type in (tf.int32.as_datatype_enum, tf.int64.as_datatype_enum)
        )
    )


def _runs_on_gpu(node) -> bool:
    def suits(kernel) -> bool:
        for rule in kernel.constraint:
            value = node.attr[rule.name]
            types = value.list.type if value.HasField("list") else [value.type]
            if not set(types) <= set(rule.allowed_values.list.type):
                return False
        return True

    return any(suits(kernel) for kernel in _kernels(node.op))


@contextlib.contextmanager
def traced() -> Iterator[list[tf.Graph]]:
    """Yields a list that the graphs of all functions traced in the block are put in."""
    concrete, graphs = type(tf.function(lambda: 0).get_concrete_function()), []
    before = concrete.__init__

    def init(self, *args, **kwargs):
        before(self, *args, **kwargs)
        graphs.append(self.graph)

    concrete.__init__ = init
    try:
        yield graphs
    finally:
        concrete.__init__ = before


def bound_to_cpu(graphs: Iterable[tf.Graph]) -> set[str]:
    """Returns what keeps graphs from a GPU: operations without a kernel there, and devices that are named."""
    found = set()
    for graph in graphs:
        if getattr(graph, "name", "").startswith(_OF_DATASETS):
            continue
        definition = graph.as_graph_def()
        functions = {function.signature.name: function.node_def for function in definition.library.function}
        for node in (node for nodes in (definition.node, *functions.values()) for node in nodes):
            if node.op not in functions and not _is_excepted(node) and not _runs_on_gpu(node):
                found.add(node.op)
            if node.device:
                found.add(f"{node.op} on {node.device}")
    return found
