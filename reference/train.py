"""Train the two checkpoints and choose their golden prompts: everything in fixtures/ but its README, in one command.

    python reference/train.py

The tales come from tales.py, the model from minigpt.py. Per position scheme: AdamW on random windows of the corpus, a
cosine schedule, then a search for prompts whose greedy text is legible, does not loop and crosses no tie.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import time
from collections.abc import Iterable
from dataclasses import asdict
from itertools import islice
from pathlib import Path

import torch
import torch.nn.functional as F
from minigpt import GPTConfig, MiniGPT
from safetensors.torch import save
from tales import Teller, corpus
from torch import Tensor, nn

STEPS = {"learned": 1400, "rope": 900}  # rotary positions learn sooner
SMALLEST_MARGIN = 0.05  # logits in float64: far above what two machines differ by in float32 (1e-5)
# Characters of the prompt, and how many such prompts: several of one length can be generated as one batch, and the
# last one's text fills the block to its end. None goes past it: that the window slides is a claim of its own.
PROMPTS = ((18, 1), (28, 2), (34, 1), (88, 1))
NEW_TOKENS = 80
FEWEST_NEW_TOKENS = 40  # a short prompt's text is cut at its last full stop, if that leaves so many
CANDIDATES = 32


def vocabulary(text: str) -> str:
    """Give the characters of text in order: token i is character i."""
    return "".join(sorted(set(text)))


def encode(texts: list[str], characters: str) -> Tensor:
    """Give texts of equal length as tokens [B, T]."""
    return torch.tensor([[characters.index(c) for c in text] for text in texts])


# --- training -------------------------------------------------------------------------------------------------------


def initialise(model: MiniGPT) -> None:
    """Start small, as GPT-2 does: std 0.02, and less on what is added to the residual stream 2 L times."""
    for name, parameter in model.named_parameters():
        if name.endswith("proj.weight"):
            nn.init.normal_(parameter, std=0.02 / math.sqrt(2 * model.config.n_layer))
        elif name == "pos_emb.weight":
            parameter.data.copy_(0.06 * sinusoids(*parameter.shape))
        elif parameter.dim() == 2:
            nn.init.normal_(parameter, std=0.02)
        elif name.endswith("bias"):
            nn.init.zeros_(parameter)


def sinusoids(positions: int, width: int) -> Tensor:
    """Give the classic table [positions, width]: learned positions that start there find their neighbours sooner."""
    rate = 10000.0 ** (-torch.arange(width // 2) / (width // 2))  # [C/2]
    angle = torch.arange(positions)[:, None] * rate  # [P, C/2]
    return torch.cat([angle.sin(), angle.cos()], dim=1)


def learning_rate(step: int, steps: int, peak: float, warmup: int = 60) -> float:
    """Rise linearly over the warm-up, then fall along a half cosine to a twentieth of the peak."""
    if step < warmup:
        return peak * (step + 1) / warmup
    progress = (step - warmup) / max(1, steps - warmup)
    return peak * (0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * progress)))


def train(config: GPTConfig, tokens: Tensor, steps: int, args: argparse.Namespace) -> tuple[MiniGPT, float]:
    """Give a model trained on tokens [N], and the mean loss (nats a character) of its last 50 steps."""
    torch.manual_seed(args.seed)
    model = MiniGPT(config)
    initialise(model)
    matrices = [p for p in model.parameters() if p.dim() == 2]
    vectors = [p for p in model.parameters() if p.dim() < 2]
    groups = [{"params": matrices, "weight_decay": 0.1}, {"params": vectors, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, betas=(0.9, 0.98))
    windows = tokens.unfold(0, config.block_size + 1, 1)  # [N - block_size, block_size + 1], a view
    losses: list[float] = []
    started = time.monotonic()
    model.train()
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, steps, args.lr)
        batch = windows[torch.randint(windows.size(0), (args.batch,))]  # [B, T + 1]
        # Not model(idx, targets): that never trains the last position, where every step of a sliding window stands.
        logits, _ = model(batch[:, :-1])  # [B, T, V]
        loss = F.cross_entropy(logits.flatten(0, 1), batch[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.item())
        if (step + 1) % 100 == 0:
            recent = sum(losses[-50:]) / len(losses[-50:])
            print(
                f"{config.positions}: step {step + 1}, loss {recent:.3f}, {time.monotonic() - started:.0f} s",
                flush=True,
            )
    return model.eval(), sum(losses[-50:]) / len(losses[-50:])


# --- golden prompts -------------------------------------------------------------------------------------------------


@torch.no_grad()
def greedy(model: MiniGPT, idx: Tensor, new_tokens: int) -> tuple[Tensor, Tensor]:
    """Extend idx [B, T] as model.generate does: the new tokens [B, n], and at each the gap of the two best logits."""
    length = idx.size(1)
    cache, gaps = None, []
    for _ in range(new_tokens):
        logits, cache = model.prefill(idx) if cache is None else model.decode(idx[:, -1:], cache)
        best, token = logits[:, -1].topk(2, dim=-1)  # [B, 2] each
        gaps.append(best[:, 0] - best[:, 1])
        idx = torch.cat([idx, token[:, :1]], dim=1)
    return idx[:, length:], torch.stack(gaps, dim=1)


def loops(text: str, run: int = 24) -> bool:
    """Tell whether some run of characters comes twice."""
    runs = [text[i : i + run] for i in range(len(text) - run + 1)]
    return len(set(runs)) < len(runs)


def legible(text: str, words: set[str]) -> bool:
    """Tell whether every word is one of the corpus; the first and last may be cut, so they are left out."""
    return all(word in words for word in text.split()[1:-1])


def prompts_of(length: int, tales: Iterable[str], count: int) -> list[str]:
    """Cut count tales to length, taking only those where that is the end of a word."""
    fitting = (tale[:length] for tale in tales if tale[length] == " " and tale[length - 1].isalpha())
    return list(islice(fitting, count))


def golden(model: MiniGPT, corpus: str, length: int, count: int) -> list[dict]:
    """Choose count prompts of a length by the largest margin.

    One alone ends at a full stop, or at block_size if that comes first; several end together.
    """
    characters, words = vocabulary(corpus), set(corpus.split())
    room = model.config.block_size - length
    prompts = prompts_of(length, Teller(seed=length + 1000).tales(), CANDIDATES)
    told, gaps = greedy(model, encode(prompts, characters), min(NEW_TOKENS, room))  # [B, n] each
    chosen: dict[str, dict] = {}  # text -> the prompt that gives it with the largest margin
    for prompt, row, gap in zip(prompts, told.tolist(), gaps, strict=True):
        expected = "".join(characters[i] for i in row)
        if count > 1:
            expected = expected[:FEWEST_NEW_TOKENS]
        elif room > NEW_TOKENS:
            expected = expected[: expected.rfind(".") + 1]
        full = prompt + expected
        if len(expected) < FEWEST_NEW_TOKENS or full in corpus or loops(full) or not legible(full, words):
            continue
        margin = gap[: len(expected)].min().item()
        if margin >= SMALLEST_MARGIN and (expected not in chosen or margin > chosen[expected]["margin"]):
            chosen[expected] = {"prompt": prompt, "expected": expected, "margin": round(margin, 4)}
    best = sorted(chosen.values(), key=lambda entry: -entry["margin"])[:count]
    if len(best) < count:
        raise SystemExit(f"{len(best)} of {count} prompts of {length} characters are good: train for more STEPS")
    return best


# --- everything -----------------------------------------------------------------------------------------------------


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path(__file__).resolve().parents[1] / "fixtures")
    parser.add_argument("--batch", type=int, default=8, help="windows a step")
    parser.add_argument("--lr", type=float, default=3e-3, help="peak learning rate")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1, help="of torch")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)

    text = corpus()
    characters = vocabulary(text)
    tokens = encode([text], characters)[0]  # [N]
    files = {
        "corpus.txt": text.encode(),
        "tokenizer.json": json.dumps({"characters": list(characters)}, indent=1).encode() + b"\n",
    }
    prompts = {}
    for positions, steps in STEPS.items():
        config = GPTConfig(len(characters), 128, n_layer=4, n_head=4, n_embd=128, positions=positions)
        model, loss = train(config, tokens, steps, args)
        about = {"config": json.dumps(asdict(config)), "steps": str(steps), "loss": f"{loss:.3f}"}
        files[f"{positions}.safetensors"] = save(model.state_dict(), about)
        exact = model.double()
        prompts[positions] = [entry for length, count in PROMPTS for entry in golden(exact, text, length, count)]
    files["greedy.json"] = json.dumps(prompts, indent=1).encode() + b"\n"
    sums = "".join(f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in sorted(files.items()))
    files["checksums.sha256"] = sums.encode()

    args.out.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        (args.out / name).write_bytes(data)
        print(f"wrote {args.out / name}, {len(data):,} bytes")


if __name__ == "__main__":
    main()
