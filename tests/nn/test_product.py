"""However the weights are laid out, the product is the same."""

from __future__ import annotations

import copy

import pytest
import torch

from worldsim.nn.product import Product


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("rows", [1, 17, 300])
def test_it_is_x_times_w_plus_b(dtype: torch.dtype, rows: int) -> None:
    weight, bias, x = torch.randn(37, 45), torch.randn(45), torch.randn(rows, 37)
    with torch.inference_mode():
        product = Product(weight.to(dtype), bias.to(dtype))
        made = product(x.to(dtype))
        assert made.dtype == dtype
        torch.testing.assert_close(made.float(), x @ weight + bias, rtol=0.02, atol=0.15 if dtype != x.dtype else 1e-5)
        torch.testing.assert_close(made, torch.addmm(bias.to(dtype), x.to(dtype), weight.to(dtype)))
        assert torch.equal(copy.deepcopy(product)(x.to(dtype)), made)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_gradients_reach_the_weights(dtype: torch.dtype) -> None:
    weight = torch.randn(3, 2, dtype=dtype, requires_grad=True)
    Product(weight, torch.zeros(2, dtype=dtype))(torch.ones(5, 3, dtype=dtype)).sum().backward()
    assert weight.grad is not None
    assert (weight.grad == 5).all()
