"""ifgan finds semantic directions in the latent space of face generators."""

__version__ = "0.1.0"
