"""The temporal judge: does this stretch of pictures hang together?"""

from __future__ import annotations

from torch import Tensor, nn

from worldsim.errors import BadInput
from worldsim.gamegan.judges.features import Kind


def _conv(inputs: int, outputs: int, time: int, stride: int, rows: int, cols: int) -> nn.Module:
    return nn.Sequential(nn.Conv3d(inputs, outputs, (time, rows, cols), (stride, 1, 1)), nn.LeakyReLU(0.2))


class TemporalJudge(nn.Module):
    """A hierarchy of convolutions over time; each level adds logits and feeds the next, which sees a longer stretch.

    - simple: (2; 2x2) (3, stride 2; 2x2), head (2, stride 2) | (3, stride 2), head 2 | (3, stride 2), head 3: with 32
      frames 7, 6 and 1 logits that see 6, 12 and 32 of them;
    - residual: the second convolution is 3 x 3 in space (84 pixels: both), head 2 | (3), head 3 | (3, stride 2), head 4
      stride 2, or 2 where fewer frames are given: with 18 frames 7, 4 and 1 logits;
    - grid: one level, a logit for each cell and each stretch of four frames: (2; 3x3) (3; 1x1), 1 x 1.

    Level 2 is used from 12 frames on, level 3 from 18.

    Source: Kim et al. 2020, arXiv:2005.12126, section 3.4, and the release.

    Differs from the paper: it says 6, 18 and 32 frames; the release's kernels see 6, 12 and 16 to 32.

    Shapes:
        (n, D, T, r, c) -> a list of (n, logits), one for each level used.
    """

    def __init__(self, kind: Kind, size: tuple[int, int, int], frames: int) -> None:
        super().__init__()
        width, rows, cols = size
        least = 4 if kind == "grid" else 6
        if frames < least:
            raise BadInput(f"the temporal judge needs stretches of at least {least} frames, got {frames}; raise length")
        levels = 1 if kind == "grid" or frames < 12 else 2 if frames < 18 else 3
        if kind == "grid":
            first = nn.Sequential(
                nn.Conv3d(width, 48, (2, 3, 3), padding=(0, 1, 1)), nn.LeakyReLU(0.2), _conv(48, 48, 3, 1, 1, 1)
            )
            heads = [nn.Conv3d(48, 1, 1)]
            convs: list[nn.Module] = [first]
        elif kind == "simple":
            convs = [nn.Sequential(_conv(width, 64, 2, 1, 2, 2), _conv(64, 128, 3, 2, rows - 1, cols - 1))]
            convs += [_conv(128, 256, 3, 2, 1, 1), _conv(256, 512, 3, 2, 1, 1)]
            heads = [
                nn.Conv3d(128, 1, (2, 1, 1), (2, 1, 1)),
                nn.Conv3d(256, 1, (2, 1, 1)),
                nn.Conv3d(512, 1, (3, 1, 1)),
            ]
        else:
            near = 2 if rows == 4 else 3
            convs = [
                nn.Sequential(
                    _conv(width, 64, 2, 1, near, near), _conv(64, 128, 3, 2, rows - near + 1, cols - near + 1)
                )
            ]
            convs += [_conv(128, 256, 3, 1, 1, 1), _conv(256, 512, 3, 2, 1, 1)]
            last = nn.Conv3d(512, 1, (2, 1, 1)) if frames <= 28 else nn.Conv3d(512, 1, (4, 1, 1), (2, 1, 1))
            heads = [nn.Conv3d(128, 1, (2, 1, 1)), nn.Conv3d(256, 1, (3, 1, 1)), last]
        self.levels = nn.ModuleList(convs[:levels])
        self.heads = nn.ModuleList(heads[:levels])

    def forward(self, features: Tensor) -> list[Tensor]:
        """The logits of each level."""
        logits = []
        for level, head in zip(self.levels, self.heads, strict=True):
            features = level(features)
            logits.append(head(features).flatten(1))
        return logits
