"""The network: a small U-Net over a picture and its reference, both normalised by their own light.

                    1/2   1/4   1/8   1/16 of the picture's sides
    pictures ─ stem ─┬─ e2 ──┬─ e3 ──┬─ e4
    logits ──── d1 ──┴─ d2 ──┴─ d3 ──┴───┘

Training needs PyTorch (README); whoever runs the model needs only ONNX Runtime.
"""

from torch import Tensor, nn
from torch.nn import functional

WIDTHS = (16, 32, 48, 96)
OUTPUTS = ("drop", "other", "top", "bottom")
SIDE_MULTIPLE = 16  # px: sides of a picture
_LIGHT_PX = 8  # local mean and spread are measured over 5 x 5 of such squares
_LEAST_SPREAD = 0.04  # of 0..1: what is flatter is noise, not structure


def _conv(inputs: int, outputs: int, dilation: int = 1) -> nn.Sequential:
    return _activated(nn.Conv2d(inputs, outputs, 3, 1, dilation, dilation, bias=False), outputs)


def _activated(conv: nn.Conv2d, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        conv,
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


def _evened(pictures: Tensor) -> Tensor:
    """Pictures (N, 3, H, W) without their light: minus the local mean, by the local spread.

    A lamp, the sun's hour or the camera's exposure then change next to nothing, and a day's picture
    can be compared with a night's. Two rows of pixels share their light, which halves its cost.
    """
    n, channels, height, width = pictures.shape
    grey = functional.avg_pool2d(pictures, 2).mean(1, keepdim=True)
    mean, mean_square = _around(grey), _around(grey * grey)
    gain = 1 / ((mean_square - mean * mean).clamp(min=0).sqrt() + _LEAST_SPREAD)
    rows = pictures.reshape(n, channels, height // 2, 2, width)
    evened = rows * _enlarged(gain) - _enlarged(gain * mean)
    return evened.reshape(n, channels, height, width)


def _around(half: Tensor) -> Tensor:
    """Means over 5 x 5 squares of _LIGHT_PX, of a picture at half its sides."""
    squares = functional.avg_pool2d(half, _LIGHT_PX // 2)
    return functional.avg_pool2d(squares, 5, 1, 2, count_include_pad=False)


def _enlarged(light: Tensor) -> Tensor:
    factors = (float(_LIGHT_PX // 2), float(_LIGHT_PX))
    return functional.interpolate(
        light, scale_factor=factors, mode="bilinear", align_corners=False
    ).unsqueeze(3)


class WireNet(nn.Module):
    """`pictures`: (N, 6, H, W), a picture and its reference, each BGR, 0..1; sides are multiples of
    SIDE_MULTIPLE. Returns logits (N, 4, H / 2, W / 2), in the order of OUTPUTS.
    """

    def __init__(self) -> None:
        super().__init__()
        a, b, c, d = WIDTHS
        self.stem = _activated(nn.Conv2d(6, a, 4, 2, 1, bias=False), a)
        self.e2 = nn.Sequential(_conv(a, b), _conv(b, b))
        self.e3 = nn.Sequential(_conv(b, c), _conv(c, c))
        self.e4 = nn.Sequential(_conv(c, d), _conv(d, d, 2), _conv(d, d, 4))
        self.u3, self.d3 = nn.Conv2d(d, c, 1), _conv(c, c)
        self.u2, self.d2 = nn.Conv2d(c, b, 1), _conv(b, b)
        self.u1, self.d1 = nn.Conv2d(b, a, 1), _conv(a, a)
        self.out = nn.Conv2d(a, len(OUTPUTS), 1)

    def forward(self, pictures: Tensor) -> Tensor:
        n, channels, height, width = pictures.shape
        apart = pictures.reshape(2 * n, channels // 2, height, width)
        x1 = self.stem(_evened(apart).reshape(n, channels, height, width))
        x2 = self.e2(functional.max_pool2d(x1, 2))
        x3 = self.e3(functional.max_pool2d(x2, 2))
        x4 = self.e4(functional.max_pool2d(x3, 2))
        y = self.d3(_doubled(self.u3(x4)) + x3)
        y = self.d2(_doubled(self.u2(y)) + x2)
        y = self.d1(_doubled(self.u1(y)) + x1)
        logits: Tensor = self.out(y)
        return logits


def _doubled(x: Tensor) -> Tensor:
    return functional.interpolate(x, scale_factor=2.0, mode="nearest")
