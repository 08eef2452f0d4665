from dataclasses import dataclass


@dataclass
class GPTConfig:
    """The reference for every size (hence the name of this file)."""

    vocab_size: int
    block_size: int
    n_layer: int
    n_head: int
    n_embd: int
    dropout: float = 0.0
    positions: str = "learned"
