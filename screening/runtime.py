"""A torch network, run by ONNX Runtime: the same numbers to 1e-5, in about half the time on a CPU.

The network is handed over in memory each time a process loads it, so no second file of weights exists that could
differ from the one whose checksum was verified. Torch stays the reference: `compiled` refuses a translation whose
answers are not torch's.
"""

from collections.abc import Callable
from io import BytesIO
from warnings import catch_warnings, simplefilter

import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray
from torch import nn

Batch = NDArray[np.float32]
OPSET = 17  # of ONNX; known to every release of the runtime that is allowed
AGREEMENT = 1e-5  # between the two, on logits


class TranslationDiffers(RuntimeError):
    """ONNX Runtime does not answer as torch does; nothing may be scored by it."""


def compiled(network: nn.Module, shape: tuple[int, ...], threads: int = 1) -> Callable[[Batch], Batch]:
    """Return a function that answers batches of one shape as the network does: logits (n,), float32.

    One thread by default, so that workers don't compete for the machine's cores.
    """
    session = onnxruntime.InferenceSession(
        _translated(network, shape), _options(threads), providers=["CPUExecutionProvider"]
    )

    def run(batch: Batch) -> Batch:
        answer: Batch = session.run(None, {"batch": batch})[0]
        return answer

    _check(network, run, shape)
    return run


def _translated(network: nn.Module, shape: tuple[int, ...]) -> bytes:
    file = BytesIO()
    with catch_warnings():
        # The newer exporter wants a compiler of graphs and takes many times as long for the same file.
        simplefilter("ignore", DeprecationWarning)
        torch.onnx.export(
            network.eval(),
            (torch.zeros(shape),),
            file,  # type: ignore[arg-type]  # the older exporter takes a file as well
            input_names=["batch"],
            output_names=["logits"],
            opset_version=OPSET,
            dynamo=False,
        )
    return file.getvalue()


def _options(threads: int) -> onnxruntime.SessionOptions:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = 3  # errors alone
    return options


def _check(network: nn.Module, run: Callable[[Batch], Batch], shape: tuple[int, ...]) -> None:
    batch = torch.rand(shape, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        expected = network(batch).numpy()
    # A network that answers with no number has a failure of its own, told where it scores.
    if not np.allclose(run(batch.numpy()), expected, rtol=AGREEMENT, atol=AGREEMENT, equal_nan=True):
        raise TranslationDiffers(
            "ONNX Runtime does not answer as torch does on this machine: nothing is scored. "
            "Install the releases that requirements.txt names."
        )
