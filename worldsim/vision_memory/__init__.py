"""VAE + MDN-RNN (Ha & Schmidhuber 2018, arXiv:1803.10122)."""
