"""Initial weights as TensorFlow 1 draws them, which is what World Models was trained from."""

from __future__ import annotations

from torch import nn


def glorot(module: nn.Module) -> None:
    """Glorot-uniform kernels and zero biases in every linear and convolutional layer of ``module``.

    Source: Glorot & Bengio 2010, "Understanding the difficulty of training deep feedforward neural networks",
    equation 16: ``U(-a, a)``, ``a = sqrt(6 / (fan_in + fan_out))``.
    """
    for layer in module.modules():
        if isinstance(layer, (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)):
            nn.init.xavier_uniform_(layer.weight)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
