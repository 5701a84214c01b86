"""What acts against mode collapse: feature matching, minibatch discrimination, the pull-away term."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from worldsim.errors import BadInput


def feature_matching(real: Tensor, fake: Tensor) -> Tensor:
    """For the generator: ``|E f(x) - E f(G(z))|^2``, f a hidden layer of the discriminator.

    Source: Salimans et al. 2016, "Improved Techniques for Training GANs", arXiv:1606.03498, section 3.1.

    Shapes:
        real and fake (B, ...) -> (); the batch sizes may differ. No gradient flows into ``real``.
    """
    return (real.detach().float().flatten(1).mean(0) - fake.float().flatten(1).mean(0)).square().sum()


def pull_away(features: Tensor) -> Tensor:
    """For the generator: the mean over pairs i != j of ``cos(f_i, f_j)^2``; EBGAN adds it with weight .1.

    Source: Zhao, Mathieu & LeCun 2016, "Energy-based Generative Adversarial Network", arXiv:1609.03126, equation 4.

    Shapes:
        features (B, F) of a generated batch, B at least 2 -> (): 0 if orthogonal, 1 if all point along one line.
    """
    if len(features) < 2:
        raise BadInput(f"the pull-away term compares rows: expected at least 2, got {len(features)}")
    unit = F.normalize(features.float().flatten(1), dim=1)
    cosines = unit @ unit.mT
    pairs = len(unit) * (len(unit) - 1)
    return (cosines.square().sum() - cosines.diagonal().square().sum()) / pairs


class MinibatchDiscrimination(nn.Module):
    """Tells a discriminator how close each row is to the others of its batch.

    ``M_i = f(x_i) T``, ``o_ib = sum_(j != i) exp(-|M_ib - M_jb|_1)``; o is appended to f.

    Source: Salimans et al. 2016, arXiv:1606.03498, section 3.2.

    Args:
        features: F.
        kernels: B_k, how many closenesses are appended.
        size: C_k, size of the vectors that a closeness compares.

    Shapes:
        (B, F) -> (B, F + kernels). Give it real and generated samples in separate batches of one size.

    Differs from the paper: the term j = i, which is always 1, is left out.
    """

    def __init__(self, features: int, kernels: int = 16, size: int = 8) -> None:
        super().__init__()
        self.kernels, self.size = kernels, size
        self.project = nn.Linear(features, kernels * size, bias=False)

    def forward(self, features: Tensor) -> Tensor:
        """The features and their closenesses."""
        vectors = self.project(features).float().view(-1, self.kernels, self.size)
        distances = (vectors[:, None] - vectors[None]).abs().sum(3)  # (B, B, kernels)
        return torch.cat([features, torch.exp(-distances).sum(1) - 1], 1)
