"""The original TensorFlow 1 graph of a GAN as a frozen Keras layer, whatever its architecture."""

from __future__ import annotations

import dataclasses
import logging
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from tf_inversion import errors
from tf_inversion.generators import base, checkpoint, conditional
from tf_inversion.generators.tensors import TensorNames, listed

_log = logging.getLogger(__name__)
_VARIABLES = ("VariableV2", "Variable", "VarHandleOp")


class MetaGraphGenerator(base.FunctionGenerator):
    """Runs the graph that was trained, operation by operation, with its variables frozen.

    It serves every audio GAN of TensorFlow 1 whose graph leads from a tensor
    of latents, and perhaps one of a class or code, to one of audio or features,
    and it is what the Keras port is held against. It exports to a SavedModel,
    but not to `.keras`.
    """

    def __init__(
        self,
        prefix: str | os.PathLike,
        tensors: TensorNames | None = None,
        condition: conditional.ConditionSpec | None = None,
        **kwargs,
    ):
        """Loads the graph beside a checkpoint: `infer/infer.meta`, else `infer.meta`, else `<prefix>.meta`.

        Args:
          prefix: of the checkpoint's files.
          tensors: names of latents [batch, ...], audio [batch, num_samples] or [batch, num_samples,
            channels], and condition; by default "z:0" and "G_z:0", as the official WaveGAN's.
          condition: what the tensor of the condition takes, as far as it does not show.
          **kwargs: of keras.layers.Layer.

        Raises:
          ModelFileError: if a file is missing or damaged, the graph does not
            lead from the one tensor to the other, or a variable can't be right.
        """
        tensors = tensors or TensorNames()
        inputs = [tensors.latent or "z:0", *([tensors.condition] if tensors.condition else [])]
        frozen = freeze(prefix, inputs, tensors.audio or "G_z:0")
        function, found = frozen.function, None
        if tensors.condition:
            function, found = conditional.taking_vectors(
                function, frozen.graph_file, frozen.inputs[1], condition or conditional.ConditionSpec()
            )
        rate = checkpoint.read_sample_rate(Path(prefix))
        super().__init__(
            function, frozen.inputs[0].shape, frozen.graph_file, condition=found, sample_rate=rate, **kwargs
        )
        self._frozen = frozen.variables  # so that a SavedModel takes them along


@dataclasses.dataclass(frozen=True)
class FrozenGraph:
    """A part of a TensorFlow 1 graph as a function of one tensor or several, with what it needs to live."""

    function: Callable[..., tf.Tensor]
    inputs: list[tf.Tensor]
    variables: list[tf.Variable]
    graph_file: Path


def freeze(prefix: str | os.PathLike, input_tensors: Sequence[str], output_tensor: str) -> FrozenGraph:
    """Returns the part of the graph beside a checkpoint that leads from some tensors to another.

    Raises:
      ModelFileError: see `MetaGraphGenerator`.
    """
    prefix = Path(prefix)
    path = checkpoint.find_graph(prefix)
    if path is None:
        raise errors.ModelFileError(f"{prefix}: has no original graph (infer.meta) beside it")
    graph = checkpoint.read_graph(path)
    starts, end = [_tensor(path, graph, name) for name in input_tensors], _tensor(path, graph, output_tensor)
    operations = _operations_between(path, starts, end)
    values = _read_variables(prefix, graph, [op for op in operations if op.type in _VARIABLES])
    variables = {name: tf.Variable(value, trainable=False) for name, value in values.items()}
    function = _as_function(operations, starts, end, variables)
    return FrozenGraph(function, starts, list(variables.values()), path)


def _tensor(path: Path, graph: tf.Graph, name: str) -> tf.Tensor:
    try:
        return graph.get_tensor_by_name(name)
    except (KeyError, ValueError, TypeError) as error:
        operations = graph.get_operations()
        inputs = {op.outputs[0].name: op.outputs[0] for op in operations if op.type.startswith("Placeholder")}
        floats = (tensor for op in operations for tensor in op.outputs if tensor.dtype.is_floating)
        ends = {tensor.name: tensor for tensor in floats if not tensor.consumers() and tensor.shape.rank}
        raise errors.ModelFileError(
            f"{path}: has no tensor {name!r}; name the right one; it takes {listed(inputs)} and ends in "
            f"{listed(ends)}"
        ) from error


def _operations_between(path: Path, starts: Sequence[tf.Tensor], end: tf.Tensor) -> list[tf.Operation]:
    """Returns what computes a tensor from others, the operations of these left out."""
    given = {tensor.op for tensor in starts}
    found, pending, reached = {*given}, [end.op], set()
    while pending:
        operation = pending.pop()
        reached |= {tensor.name for tensor in (*operation.inputs, *operation.outputs)}
        if operation in found:
            continue
        found.add(operation)
        pending += [tensor.op for tensor in operation.inputs] + operation.control_inputs
        if operation.type == "Placeholder":
            raise errors.ModelFileError(
                f"{path}: {end.name} needs {operation.name}:0 fed too; use a graph for inference, or name it "
                "by condition_tensor if it takes a class or a code"
            )
    for start in starts:
        if start.name not in reached or start is end:
            raise errors.ModelFileError(
                f"{path}: {end.name} does not depend on {start.name}; name other tensors"
            )
    return [op for op in end.graph.get_operations() if op in found - given]


def _read_variables(prefix: Path, graph: tf.Graph, operations: list[tf.Operation]) -> dict[str, np.ndarray]:
    """Returns the values of a graph's variables by the variables' names."""
    stored = _stored_names(graph)
    names = {op.name: stored.get(op.name, op.name) for op in operations}
    shapes = checkpoint.read_shapes(prefix)
    for operation in operations:
        name = names[operation.name]
        expected = tuple(dim.size for dim in operation.get_attr("shape").dim)
        checkpoint.check_shape(prefix, name, shapes.get(name), expected)
    if checkpoint.averages(names.values(), shapes):
        _log.warning(
            "%s: its graph takes the weights, not their moving averages; the port takes these", prefix
        )
    values = checkpoint.read_variables(prefix, names.values())
    return {name: values[names[name]] for name in names}


def _stored_names(graph: tf.Graph) -> dict[str, str]:
    """Returns under which names the graph's saver keeps its variables (averaged ones often have another)."""
    stored = {}
    for restore in (op for op in graph.get_operations() if op.type == "RestoreV2"):
        for name, value in zip(tf.get_static_value(restore.inputs[1]), restore.outputs):
            consumers = value.consumers()
            while consumers and consumers[0].type == "Identity":
                consumers = consumers[0].outputs[0].consumers()
            stored.update({assign.inputs[0].op.name: name.decode() for assign in consumers[:1]})
    return stored


def _as_function(
    operations: list[tf.Operation], starts: Sequence[tf.Tensor], end: tf.Tensor, variables: dict
):
    """Returns a function, values of `starts` -> `end`, of these operations with these variables (by name)."""
    graph_def = end.graph.as_graph_def()  # for its versions and its library of functions
    del graph_def.node[:]
    graph_def.node.extend(op.node_def for op in operations if op.type not in _VARIABLES)
    for node in graph_def.node:
        node.attr.pop("_class", None)  # placement beside variables that are no longer part of the graph

    @tf.function(input_signature=[tf.TensorSpec(tensor.shape, tensor.dtype) for tensor in starts])
    def generate(*values):
        inputs = dict(zip([tensor.name for tensor in starts], values))
        for operation in operations:
            if operation.type in _VARIABLES:
                variable = variables[operation.name]
                by_handle = operation.type == "VarHandleOp"
                inputs[operation.outputs[0].name] = tf.identity(variable.handle if by_handle else variable)
        return tf.graph_util.import_graph_def(graph_def, inputs, [end.name], name="")[0]

    return generate.get_concrete_function()
