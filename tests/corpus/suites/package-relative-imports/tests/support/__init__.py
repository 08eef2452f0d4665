from . import gpt, mm
from .mm import same as almost

__all__ = ["almost", "gpt", "mm"]
