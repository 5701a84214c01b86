"""The patch codebook: cutting and gluing, the moving average, the rescue of dead codes, learning."""

from __future__ import annotations

import torch

from worldsim.vae.patch_vq import PatchVQ, PatchVQConfig


def small(**sizes: int) -> PatchVQ:
    torch.manual_seed(0)
    return PatchVQ(PatchVQConfig(**{"patch": 4, "codes": 8, "code_size": 3, "hidden": 16, **sizes}))


def test_patches_are_cut_row_by_row_channels_last() -> None:
    frames = torch.randint(0, 256, (2, 8, 12, 3), dtype=torch.uint8)
    cut = small().patches(frames)
    assert cut.shape == (2, 6, 48)
    assert torch.equal(cut[1, 4].reshape(4, 4, 3), frames[1, 4:8, 4:8])


def test_decode_glues_what_patches_cut() -> None:
    vision = small()
    frames = torch.randint(0, 256, (1, 8, 8, 3), dtype=torch.uint8)
    tiles = vision.patches(frames)[0].reshape(4, 4, 4, 3)
    codes = torch.arange(4).reshape(1, 2, 2)
    assert torch.equal(vision.decode(codes, 8, 8, tiles), frames)


def test_frames_that_patches_do_not_fill_are_padded_and_cropped() -> None:
    vision = small()
    frames = torch.randint(0, 256, (2, 9, 6, 3), dtype=torch.uint8)
    codes = vision.encode(frames)
    assert codes.shape == (2, 3, 2)
    assert vision.decode(codes, 9, 6).shape == (2, 9, 6, 3)
    last = vision.patches(frames)[0, 5].reshape(4, 4, 3)
    assert torch.equal(last[0, 2:], frames[0, 8, 5].expand(2, 3))  # right of the edge: its repetition


def test_codebook_follows_the_mean_of_what_falls_to_it() -> None:
    vision = small()
    z = torch.tensor([[1.0, 0, 0], [3.0, 0, 0], [0, 5.0, 0]])
    for _ in range(600):
        vision.update(torch.tensor([2, 2, 7]), z)
    torch.testing.assert_close(vision.codebook[2], torch.tensor([2.0, 0, 0]), atol=1e-3, rtol=0)
    torch.testing.assert_close(vision.codebook[7], torch.tensor([0, 5.0, 0]), atol=1e-3, rtol=0)
    torch.testing.assert_close(vision.mass[[2, 7]], torch.tensor([2.0, 1.0]), atol=1e-3, rtol=0)


def test_dead_codes_go_to_the_worst_drawn_patches() -> None:
    vision = small()
    vision.mass.copy_(torch.tensor([1.0, 0, 1, 1, 0, 1, 1, 1]))
    z = torch.tensor([[9.0, 9, 9], [0.0, 0, 0]])
    moved = vision.reseed(z, torch.tensor([1.0, 0.0]), torch.Generator().manual_seed(0))
    assert moved == 2
    torch.testing.assert_close(vision.codebook[[1, 4]], torch.full((2, 3), 9.0), atol=0.01, rtol=0)
    assert vision.reseed(z, torch.tensor([1.0, 0.0]), torch.Generator()) == 0


def test_nearest_is_the_smallest_distance() -> None:
    vision = small()
    z = torch.randn(50, 3)
    assert torch.equal(vision.nearest(z), torch.cdist(z, vision.codebook).argmin(-1))


def test_it_learns_the_patches_of_a_small_world() -> None:
    """Six different tiles: after some steps each has a code of its own and is drawn closely."""
    torch.manual_seed(1)
    tiles = torch.randint(0, 2, (6, 48), dtype=torch.uint8) * 255
    vision = small(codes=16, hidden=32)
    optimizer = torch.optim.Adam(vision.parameters(), 3e-3)
    generator = torch.Generator().manual_seed(0)
    for step in range(400):
        x = tiles[torch.randint(0, 6, (64,), generator=generator)].float() / 255
        loss, code, z, error = vision.loss(x, torch.ones_like(x))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        vision.update(code, z)
        if step % 25 == 0 and step < 280:
            vision.reseed(z, error, generator)
    x = tiles.float() / 255
    code = vision.nearest(vision.encoder(x))
    assert len(code.unique()) == 6
    assert float((vision.decoder(vision.codebook[code]) - x).abs().mean()) < 0.05
