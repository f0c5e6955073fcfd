"""Networks that read a film's crops, by name: OPSCAN's own, and DenseNet-121.

OPSCAN's is the pre-activation ResNet-18 (v2) of He et al. 2016, one logit out.
Source: the published OPSCAN-symbol.json (Lin et al., Radiology 2024;311(3):e231937), read layer by layer.
It differs from torchvision's resnet18 (post-activation): normalization and ReLU come before each convolution,
the first unit of every stage, the first stage included, has a 1x1 projection taken after bn1 and relu1,
and the input passes a BatchNorm of its own, so no mean is subtracted beforehand.

Each network ends in the same way: the maps of its last stage are averaged over the film and weighed into the logit.
"""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

ARCHITECTURE = "opscan-resnet18-v2"
DENSENET121 = "densenet121"
FULL_WIDTH = 64
EPSILON = 2e-5
MOMENTUM = 0.1  # mxnet's 0.9 counts the other way round
STAGES = 4


def normalization(channels: int) -> nn.BatchNorm2d:
    """Make a BatchNorm with the published constants."""
    return nn.BatchNorm2d(channels, eps=EPSILON, momentum=MOMENTUM)


def convolution(inputs: int, outputs: int, size: int, stride: int = 1) -> nn.Conv2d:
    """Make a square convolution without bias that keeps the picture's size at stride 1."""
    return nn.Conv2d(inputs, outputs, size, stride, padding=size // 2, bias=False)


class Unit(nn.Module):
    """Two pre-activated 3x3 convolutions around a shortcut.

    Input (n, inputs, h, w), output (n, outputs, h / stride, w / stride).
    """

    def __init__(self, inputs: int, outputs: int, stride: int, projects: bool) -> None:
        super().__init__()
        self.bn1 = normalization(inputs)
        self.conv1 = convolution(inputs, outputs, 3, stride)
        self.bn2 = normalization(outputs)
        self.conv2 = convolution(outputs, outputs, 3)
        self.projection = convolution(inputs, outputs, 1, stride) if projects else None

    def forward(self, x: Tensor) -> Tensor:
        activated = functional.relu(self.bn1(x))
        shortcut = x if self.projection is None else self.projection(activated)
        residual: Tensor = self.conv2(functional.relu(self.bn2(self.conv1(activated))))
        return residual + shortcut


class FilmNetwork(nn.Module):
    """Read crops (n, 3, 224, 224) in [0, 1], return logits (n,); a sigmoid makes them probabilities.

    `features` gives the last activated maps (n, channels, 7, 7), `head` what they amount to.
    """

    architecture: str
    width: int

    def features(self, x: Tensor) -> Tensor:
        """Return the activated maps of the last stage."""
        raise NotImplementedError

    def head(self, maps: Tensor) -> Tensor:
        """Average the maps over the film and weigh them into logits."""
        raise NotImplementedError

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.features(x))


class OpscanResNet18(FilmNetwork):
    """Read crops (n, 3, 224, 224) in [0, 1], return logits (n,); a sigmoid makes them probabilities.

    `width` is the number of channels of the first stage: 64 is the published network, fewer make the same
    network narrower. At width 64 it has 11,179,463 parameters, counted as the paper's file stores them: all
    convolutions, both affine vectors of all 19 BatchNorms (the gamma of bn_data too, which is fixed at 1 and
    not trained) and the last layer.
    """

    architecture = ARCHITECTURE

    def __init__(self, width: int = FULL_WIDTH) -> None:
        super().__init__()
        self.width = width
        self.bn_data = normalization(3)
        self.bn_data.weight.requires_grad_(False)
        self.conv0 = convolution(3, width, 7, stride=2)
        self.bn0 = normalization(width)
        self.stages = nn.Sequential(*(self._stage(number) for number in range(STAGES)))
        self.bn1 = normalization(width * 8)
        self.fc1 = nn.Linear(width * 8, 1)

    def _stage(self, number: int) -> nn.Sequential:
        outputs = self.width * 2**number
        inputs, stride = (outputs, 1) if number == 0 else (outputs // 2, 2)
        return nn.Sequential(Unit(inputs, outputs, stride, True), Unit(outputs, outputs, 1, False))

    def features(self, x: Tensor) -> Tensor:
        x = functional.relu(self.bn0(self.conv0(self.bn_data(x))))
        x = self.stages(functional.max_pool2d(x, 3, stride=2, padding=1))
        return functional.relu(self.bn1(x))

    def head(self, maps: Tensor) -> Tensor:
        logits: Tensor = self.fc1(maps.mean(dim=(2, 3)))[:, 0]
        return logits


class DenseNet121(FilmNetwork):
    """DenseNet-121 (Huang et al. 2017) as MONAI builds it, for one gray channel and one logit.

    At width 64 it is the named network, which grows by 32 maps a layer; fewer make it narrower in proportion.
    """

    architecture = DENSENET121

    def __init__(self, width: int = FULL_WIDTH) -> None:
        super().__init__()
        from monai.networks import nets  # takes seconds to import, and only this network needs it

        self.width = width
        self.body = nets.DenseNet121(2, 1, 1, init_features=width, growth_rate=max(1, width // 2))

    def features(self, x: Tensor) -> Tensor:
        return functional.relu(self.body.features(x[:, :1]))  # the three channels are the same gray

    def head(self, maps: Tensor) -> Tensor:
        logits: Tensor = self.body.class_layers[1:](maps)[:, 0]  # without its first, the ReLU above
        return logits


NETWORKS: Mapping[str, Callable[[int], FilmNetwork]] = {
    ARCHITECTURE: OpscanResNet18,
    DENSENET121: DenseNet121,
}


def parameter_count(network: nn.Module) -> int:
    """Count every stored parameter, trained or fixed; running means and variances are not parameters."""
    return sum(parameter.numel() for parameter in network.parameters())


def initialized(width: int, seed: int, architecture: str = ARCHITECTURE) -> FilmNetwork:
    """Make a network with He-normal convolutions and a small last layer, drawn from `seed` alone."""
    with torch.random.fork_rng(devices=[]):  # construction draws weights too, which are drawn again below
        torch.manual_seed(seed)
        network = NETWORKS[architecture](width)
    generator = torch.Generator().manual_seed(seed)
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", generator=generator)
        elif isinstance(module, nn.Linear):
            nn.init.uniform_(module.weight, -0.01, 0.01, generator=generator)
            nn.init.zeros_(module.bias)
    return network
