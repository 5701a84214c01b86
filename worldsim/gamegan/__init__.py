"""GameGAN (Kim et al. 2020, arXiv:2005.12126): a game engine that is learned from frames and actions."""
