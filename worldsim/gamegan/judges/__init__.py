"""What judges GameGAN's pictures: one shared frame encoder, and three critics on its features."""
