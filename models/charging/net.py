"""The network: strided convolutions over eight hours of minutes; needs PyTorch."""

import torch
from torch import Tensor, nn

from detectors.electricity import MINUTES

WIDTH, LAYERS = 16, 5


class ChargingNet(nn.Module):
    """`load` (N, 4, MINUTES), see detectors.electricity.planes_of, to `logit` (N, 1)."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for index in range(LAYERS):
            layers += [
                nn.Conv1d(WIDTH if index else 4, WIDTH, 5 if index else 7, 2, 2 if index else 3),
                nn.BatchNorm1d(WIDTH),
                nn.ReLU(),
            ]
        self.seen = nn.Sequential(*layers, nn.Flatten(), nn.Dropout(0.2))
        self.judged = nn.Sequential(
            nn.Linear(WIDTH * MINUTES // 2**LAYERS, WIDTH), nn.ReLU(), nn.Linear(WIDTH, 1)
        )

    def forward(self, load: Tensor) -> Tensor:
        logit: Tensor = self.judged(self.seen(load))
        return logit


def parameters_of(net: nn.Module) -> int:
    """How many numbers it has learnt."""
    return sum(parameter.numel() for parameter in net.parameters())


def export(net: ChargingNet, path: str) -> None:
    """Write it as ONNX, opset 17, for one window."""
    torch.onnx.export(
        net.eval(), (torch.zeros(1, 4, MINUTES),), path, input_names=["load"],
        output_names=["logit"], opset_version=17, dynamo=False,
    )  # fmt: skip
