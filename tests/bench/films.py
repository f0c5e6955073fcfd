"""Films scored per second, against a plain eager torch loop over the same films with the same weights.

Besides: how much of what the processor can do at all the network uses, two workers against one, and whether a worker
that has scored two thousand films holds more memory than one that has scored two hundred.
"""

import os
import resource
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from screening.inference import CROPS, RiskModel, load_model
from screening.manifests import DIGITS
from screening.networks import FULL_WIDTH, OpscanResNet18, initialized
from screening.phantoms import Anatomy, render_pa
from screening.preprocessing import prepare
from screening.runtime import compiled
from screening.sandbox import read_pixels
from tests.bench.measuring import Bench, Measured, Pair, timed

REAL_FILMS = Path(__file__).resolve().parents[3] / "shared" / "cxr" / "chestxray14"
PHANTOMS = 60
MATRIX = 2048
EACH = 8  # films a process and pair
FEW, MANY = 200, 2000  # films: until everything is loaded, and in all


def images() -> Iterator[NDArray[np.floating]]:
    """Yield the real films beside the project, or phantoms of the same size where there are none."""
    if files := sorted(REAL_FILMS.glob("*.dcm")):
        yield from (read_pixels(file.read_bytes()) for file in files)
        return
    for seed in range(PHANTOMS):
        rng = np.random.default_rng(seed)
        yield render_pa(Anatomy.draw(rng), 1.0, rng)


def full_width() -> RiskModel:
    """Return the published network at its full width, with weights of chance: time does not depend on them."""
    manifest = replace(load_model().manifest, width=FULL_WIDTH)
    return RiskModel(manifest, initialized(FULL_WIDTH, seed=1))


def plain_network(model: RiskModel) -> OpscanResNet18:
    """Return the same weights in torch's usual memory layout."""
    network = OpscanResNet18(model.manifest.width)
    network.load_state_dict(model.network.state_dict())
    return network.to(memory_format=torch.contiguous_format).eval()  # type: ignore[call-overload]


def plain_score(network: OpscanResNet18, image: NDArray[np.floating]) -> float:
    """Score a film the plain way: the ten crops as one batch, eager, without gradients."""
    with torch.no_grad():
        return float(torch.sigmoid(network(prepare(image).contiguous())).mean())


def pairs(model_of: Callable[[], RiskModel]) -> Iterator[Pair]:
    """Yield a pair a film, once both ways have given the same score."""
    torch.set_num_threads(1)
    model = model_of()
    network = plain_network(model)
    for image in images():
        ours, plain = model.score(image).mean, plain_score(network, image)
        if abs(ours - plain) > 2 * 10**-DIGITS:
            raise AssertionError(f"The two ways disagree on a film: {ours} and {plain}.")
        yield (
            partial(timed, partial(model.score, image)),
            partial(timed, partial(plain_score, network, image)),
        )


def operations(network: nn.Module) -> int:
    """Return how many floating point operations one batch of ten crops takes in convolutions and the last layer."""
    counted: list[int] = []

    def count(layer: Any, _: Any, answer: torch.Tensor) -> None:
        weights = layer.weight[0].numel()  # for one number of the answer
        counted.append(2 * weights * answer.numel())

    hooks = [
        m.register_forward_hook(count) for m in network.modules() if isinstance(m, nn.Conv2d | nn.Linear)
    ]
    with torch.inference_mode():
        network(torch.zeros(CROPS))
    for hook in hooks:
        hook.remove()
    return sum(counted)


def against_the_processor() -> Iterator[Pair]:
    """Yield pairs: the full-width network, and a product of matrices; both in operations a second, one thread."""
    torch.set_num_threads(1)
    network = initialized(FULL_WIDTH, seed=1).eval()
    run, billions = compiled(network, CROPS), operations(network) / 1e9
    batch = np.random.default_rng(0).random(CROPS, dtype=np.float32)
    with patch.dict(os.environ, _widest()), ProcessPoolExecutor(1, get_context("spawn")) as apart:
        while True:
            yield (partial(_rate, partial(run, batch), billions), partial(_fastest_product, apart))


def _widest() -> dict[str, str]:
    """Return the settings by which numpy's OpenBLAS uses all of the processor: it does not know every new one."""
    wide = "avx512f" in Path("/proc/cpuinfo").read_text(encoding="utf-8")
    return {"OPENBLAS_NUM_THREADS": "1"} | ({"OPENBLAS_CORETYPE": "SKYLAKEX"} if wide else {})


def _fastest_product(apart: Executor) -> Measured:
    """Multiply by torch here and by numpy there; return the faster."""
    return max(_product(torch.mm, torch.rand), apart.submit(_by_numpy).result(), key=lambda m: m.rate)


def _by_numpy() -> Measured:
    rng = np.random.default_rng(0)
    return _product(np.matmul, lambda *shape: rng.random(shape, dtype=np.float32))


def _product(multiply: Callable[..., Any], make: Callable[..., Any]) -> Measured:
    one, other = make(MATRIX, MATRIX), make(MATRIX, MATRIX)
    multiply(one, other)
    return _rate(partial(multiply, one, other), 2 * MATRIX**3 / 1e9)


def _rate(work: Callable[[], Any], billions: float) -> Measured:
    return timed(work)._replace(units=billions)


def _score_shipped(seed: int) -> float:
    rng = np.random.default_rng(seed)
    return load_model().score(rng.random((1024, 1024))).mean


def two_workers() -> Iterator[Pair]:
    """Yield pairs: two processes with one thread each, and one; the same work for each process."""
    spawn = get_context("spawn")
    with ProcessPoolExecutor(2, spawn) as two, ProcessPoolExecutor(1, spawn) as one:
        while True:
            yield (partial(_share, two, 2 * EACH), partial(_share, one, EACH))


def _share(pool: ProcessPoolExecutor, films: int) -> Measured:
    return timed(lambda: list(pool.map(_score_shipped, range(films))), films)


def memory() -> Iterator[Pair]:
    """Yield two pairs of what a worker holds, in MB: after the films of the pair, and before them."""
    model, pictures = load_model(), list(islice(images(), 10))
    for films in (FEW, *(2 * [(MANY - FEW) // 2])):
        before = _held()
        for number in range(films):
            model.score(pictures[number % len(pictures)])
        if films != FEW:
            yield (partial(Measured, _held(), 1.0), partial(Measured, before, 1.0))


def _held() -> float:
    """Return what this process holds of the machine's memory now, in MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


PLAIN = "plain eager torch: the same network, weights and crops, a batch of ten, default memory layout, one thread"
BENCHES = (
    Bench(
        title="Scoring a film (ten crops, shipped weights, one thread)",
        unit="films a second",
        ours="`screening.inference.RiskModel.score`",
        peer=PLAIN,
        pairs=partial(pairs, load_model),
    ),
    Bench(
        title="The same at the published width of 64 channels",
        unit="films a second",
        ours="`screening.inference.RiskModel.score`",
        peer=PLAIN,
        pairs=partial(pairs, full_width),
    ),
    Bench(
        title="The full-width network alone, as a share of what the processor can do",
        unit="billion operations a second",
        ours="`screening.runtime.compiled` on ten crops, convolutions and the last layer counted",
        peer=f"the faster of torch and OpenBLAS at one product of matrices of {MATRIX} x {MATRIX}, float32, one thread",
        pairs=against_the_processor,
    ),
    Bench(
        title="Two workers of one thread against one",
        unit="films a second",
        ours="two processes that score",
        peer="one process that scores",
        pairs=two_workers,
    ),
    Bench(
        title=f"Memory of a worker: after {MANY} films against half-way there",
        unit="MB",
        ours="what it holds at the end",
        peer="what it held before the last half",
        pairs=memory,
    ),
)
SETTING = nullcontext
