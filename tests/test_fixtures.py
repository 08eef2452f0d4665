"""The stored checkpoints and golden prompts are sound: whole, legible, far from ties, and sensitive to bugs."""

from __future__ import annotations

import hashlib
import importlib.util
import itertools
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from types import ModuleType

import pytest
import torch

from grader import fixtures
from grader.errors import HarnessError
from grader.fixtures import Checkpoint, Prompt
from grader.project import FIXTURES, REFERENCE

SCHEMES: tuple[fixtures.Positions, ...] = ("learned", "rope")
MINIGPT = (REFERENCE / "minigpt.py").read_text()

# Bugs that must show in the greedy text: what replaces what in reference/minigpt.py.
BUGS = {
    "no mask": ("score.masked_fill(~visible, -torch.inf)", "score"),
    "softmax over queries": (".softmax(dim=-1)", ".softmax(dim=-2)"),
    "no scaling": (" / math.sqrt(q.size(-1))", ""),
    "heads merged without transpose": ("(weight @ v).transpose(1, 2).reshape", "(weight @ v).reshape"),
    "keys and values swapped": ("q, k, v = self.qkv(x)", "q, v, k = self.qkv(x)"),
    "a residual missing": ("x = x + attended", "x = attended"),
    "worst token": ("argmax(dim=-1, keepdim=True)", "argmin(dim=-1, keepdim=True)"),
}
WINDOW_BUG = ("idx[:, -self.config.block_size :]", "idx[:, : self.config.block_size]")
POSITION_BUGS = {
    "learned": ("self.pos_emb.weight[start:stop]", "self.pos_emb.weight[: stop - start]"),
    "rope": ("rotate(q, start), rotate(k, start)", "rotate(q, 0), rotate(k, 0)"),
}


def module(source: str, name: str) -> ModuleType:
    """Run source as a module; dataclasses look their module up by name, so it is registered."""
    spec = importlib.util.spec_from_loader(name, loader=None)
    assert spec is not None
    made = importlib.util.module_from_spec(spec)
    sys.modules[name] = made
    exec(compile(source, f"{name}.py", "exec"), made.__dict__)
    return made


def build(checkpoint: Checkpoint, source: str = MINIGPT) -> torch.nn.Module:
    made = module(source, "minigpt_of_test_fixtures")
    model = made.MiniGPT(made.GPTConfig(**checkpoint.config))
    model.load_state_dict(checkpoint.weights, strict=True)
    return model.eval()


def said(model: torch.nn.Module, checkpoint: Checkpoint, golden: Prompt, use_cache: bool = True) -> str:
    idx = torch.tensor([checkpoint.encode(golden.prompt)])  # [1, T]
    text = model.generate(idx, len(golden.expected), use_cache=use_cache)[0, idx.size(1) :]
    return checkpoint.decode(text.tolist())


@pytest.fixture(scope="module", params=SCHEMES)
def checkpoint(request: pytest.FixtureRequest) -> Checkpoint:
    return fixtures.load(request.param)


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_checksums_cover_every_file_and_hold():
    """Every stored file but the list itself and the README is listed with its true SHA-256."""
    listed = dict(reversed(line.split("  ")) for line in (FIXTURES / "checksums.sha256").read_text().splitlines())
    stored = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in FIXTURES.iterdir()}
    for name in ("checksums.sha256", "README.md"):
        stored.pop(name)
    assert listed == stored


@pytest.mark.parametrize("name", ["rope.safetensors", "greedy.json", "tokenizer.json"])
def test_a_changed_file_is_refused_by_name(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """One flipped bit in a file that the judge reads is the harness's fault, and the message says what to do."""
    copy = shutil.copytree(FIXTURES, tmp_path / "fixtures")
    data = bytearray((copy / name).read_bytes())
    data[-2] ^= 1
    (copy / name).write_bytes(data)
    monkeypatch.setattr(fixtures, "FIXTURES", copy)
    with pytest.raises(HarnessError, match=rf"{name} has SHA-256 .*`make fixtures`"):
        fixtures.load("rope")


def test_a_missing_file_is_refused_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A file that is not there is the harness's fault too, not a traceback."""
    monkeypatch.setattr(fixtures, "FIXTURES", tmp_path)
    with pytest.raises(HarnessError, match=r"checksums\.sha256 cannot be read .*`make fixtures`"):
        fixtures.load("learned")


def test_importing_the_loader_does_not_import_torch():
    """The command line may import the loader without paying for torch."""
    code = "import sys, grader.fixtures; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=FIXTURES.parent, check=False).returncode == 0


def test_the_corpus_is_what_the_generator_tells():
    """corpus.txt is made by reference/tales.py, character for character, on every Python."""
    tales = module((REFERENCE / "tales.py").read_text(), "tales_of_test_fixtures")
    assert tales.corpus() == (FIXTURES / "corpus.txt").read_text()


def test_the_model_is_the_one_agreed(checkpoint: Checkpoint):
    """4 layers, 4 heads, width 128, block 128, one token a character of the corpus, about 0.8 M float32 parameters."""
    config = checkpoint.config
    assert (config["n_layer"], config["n_head"], config["n_embd"], config["block_size"]) == (4, 4, 128, 128)
    assert config["vocab_size"] == len(checkpoint.characters)
    assert list(checkpoint.characters) == sorted(set((FIXTURES / "corpus.txt").read_text()))
    assert {weight.dtype for weight in checkpoint.weights.values()} == {torch.float32}
    assert 0.75e6 < sum(weight.numel() for weight in checkpoint.weights.values()) < 0.85e6


def test_encode_and_decode_are_inverse_and_decode_takes_anything(checkpoint: Checkpoint):
    """Text survives the tokenizer, and a token that a submission made up is shown instead of raising."""
    prompt = checkpoint.prompts[0].prompt
    assert checkpoint.decode(checkpoint.encode(prompt)) == prompt
    assert checkpoint.decode([-1, 10**6]) == "\ufffd\ufffd"
    with pytest.raises(ValueError):
        checkpoint.encode("\t")


def batch_of(checkpoint: Checkpoint) -> list[Prompt]:
    """Give the prompts that share their lengths with another one."""
    sizes = Counter(map(size, checkpoint.prompts))
    return [golden for golden in checkpoint.prompts if sizes[size(golden)] > 1]


def size(golden: Prompt) -> tuple[int, int]:
    return len(golden.prompt), len(golden.expected)


def test_the_prompts_cover_short_long_full_and_batched(checkpoint: Checkpoint):
    """One text fills the block and none goes past it, two make one rectangular batch, and all differ."""
    totals = [sum(size(golden)) for golden in checkpoint.prompts]
    assert len(totals) == 5 and min(totals) < 80 and max(totals) == totals[-1] == checkpoint.config["block_size"]
    assert len(set(map(size, batch_of(checkpoint)))) == 1 and len(batch_of(checkpoint)) == 2
    assert len({golden.expected for golden in checkpoint.prompts}) == 5


@pytest.mark.parametrize("use_cache", [True, False])
def test_the_reference_says_the_expected_text(checkpoint: Checkpoint, use_cache: bool):
    """In float32, cached and not, one by one and as a batch, the reference gives exactly the stored text."""
    model = build(checkpoint)
    for golden in checkpoint.prompts:
        assert said(model, checkpoint, golden, use_cache) == golden.expected
    batch = batch_of(checkpoint)
    idx = torch.tensor([checkpoint.encode(golden.prompt) for golden in batch])  # [B, T]
    rows = model.generate(idx, len(batch[0].expected), use_cache=use_cache)[:, idx.size(1) :]
    assert [checkpoint.decode(row) for row in rows.tolist()] == [golden.expected for golden in batch]


@torch.no_grad()
def test_the_margins_are_true_and_large(checkpoint: Checkpoint):
    """Step by step in float64, the two best logits are as far apart as stored, and never nearer than 0.05."""
    model = build(checkpoint).double()
    for golden in checkpoint.prompts:
        tokens = checkpoint.encode(golden.prompt + golden.expected)
        whole = model(torch.tensor([tokens[:-1]]))[0][0]  # [T - 1, V]
        gaps = []
        for stop in range(len(golden.prompt), len(tokens)):
            logits = whole[stop - 1]  # [V]
            best, second = logits.topk(2).values.tolist()
            assert int(logits.argmax()) == tokens[stop]
            gaps.append(best - second)
        assert min(gaps) == pytest.approx(golden.margin, abs=1e-3)
        assert min(gaps) >= 0.05


def test_the_text_is_legible_and_does_not_loop(checkpoint: Checkpoint):
    """Whole words are words of the corpus, and no run of 24 characters comes twice."""
    vocabulary = set((FIXTURES / "corpus.txt").read_text().split())
    for golden in checkpoint.prompts:
        text = golden.prompt + golden.expected
        words = text.split()[:-1]  # the last word of a batch row may be cut
        assert sum(word in vocabulary for word in words) >= 0.95 * len(words), text
        runs = [text[i : i + 24] for i in range(len(text) - 23)]
        assert len(set(runs)) == len(runs), text


def test_the_prompts_are_not_in_the_corpus(checkpoint: Checkpoint):
    """The text is what a model of the language says, not a recital: no long golden text stands in the corpus."""
    corpus = (FIXTURES / "corpus.txt").read_text()
    recited = [g.prompt for g in checkpoint.prompts if g.prompt + g.expected in corpus]
    assert recited == []


@pytest.mark.parametrize("name", [*BUGS, "position not advanced in decode"])
def test_a_bug_visibly_changes_the_text(name: str, checkpoint: Checkpoint):
    """With one planted bug, a golden text differs in more than a tenth of its characters."""
    old, new = BUGS.get(name) or POSITION_BUGS[checkpoint.config["positions"]]
    assert MINIGPT.count(old) == 1
    model = build(checkpoint, MINIGPT.replace(old, new))
    assert any(difference(said(model, checkpoint, g), g.expected) > 0.1 for g in checkpoint.prompts)


def test_a_wrong_window_changes_no_text(checkpoint: Checkpoint):
    """How the window slides is another criterion's claim, and nobody pays for it twice."""
    assert MINIGPT.count(WINDOW_BUG[0]) == 1
    model = build(checkpoint, MINIGPT.replace(*WINDOW_BUG))
    assert all(said(model, checkpoint, g) == g.expected for g in checkpoint.prompts)


def difference(text: str, expected: str) -> float:
    return sum(a != b for a, b in itertools.zip_longest(text, expected)) / len(expected)
