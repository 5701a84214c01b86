"""Autoencoders: the published convolutional VAE, and a codebook over patches."""
