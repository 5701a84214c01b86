"""C-SWM: from pixels to a graph of object slots, without ever drawing a pixel (Kipf, van der Pol & Welling 2020)."""
