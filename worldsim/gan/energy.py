"""EBGAN's discriminator: an autoencoder, whose error is the energy of a sample."""

from __future__ import annotations

from torch import Tensor, nn


class EnergyCritic(nn.Module):
    """Logit = minus the energy ``U(x) = mean (Dec(Enc(x)) - x)^2``, so that as everywhere a real sample scores high.

    Source: Zhao, Mathieu & LeCun 2016, arXiv:1609.03126, section 2.3 (mean squared error).

    Args:
        encoder: x (B, ...) -> code (B, F).
        decoder: Code -> a tensor shaped as x.

    Shapes:
        x (B, ...) -> (B,), never positive. `encoder` gives the features for the pull-away term.
    """

    def __init__(self, encoder: nn.Module, decoder: nn.Module) -> None:
        super().__init__()
        self.encoder, self.decoder = encoder, decoder

    def forward(self, x: Tensor) -> Tensor:
        """The logits."""
        return -(self.decoder(self.encoder(x)) - x).float().square().flatten(1).mean(1)
