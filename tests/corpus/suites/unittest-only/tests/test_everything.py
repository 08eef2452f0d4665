"""The whole suite as unittest: `python -m unittest discover -s tests` or anything that knows TestCase."""

import asyncio
import math
import sys
import unittest
from pathlib import Path
from unittest import mock

sys.path.append(str(Path(__file__).resolve().parent.parent))

import torch

import matmul
import minigpt

CASES = [("learned", 3, 2, 12, 11), ("rope", 2, 3, 18, 13)]  # positions, n_layer, n_head, n_embd, block_size
VOCAB = 17


def build(gpt, case, seed=0, dropout=0.0, dtype=torch.float64, n_layer=None):
    positions, layers, heads, width, block = case
    config = gpt.GPTConfig(
        vocab_size=VOCAB,
        block_size=block,
        n_layer=n_layer or layers,
        n_head=heads,
        n_embd=width,
        dropout=dropout,
        positions=positions,
    )
    model = gpt.MiniGPT(config)
    dice = torch.Generator().manual_seed(seed)
    state = {}
    for name in sorted(model.state_dict()):
        shape = model.state_dict()[name].shape
        noise = torch.randn(shape, generator=dice, dtype=torch.float64)
        if "ln_" in name:
            value = 0.3 * noise + (1.0 if name.endswith("weight") else 0.0)
        elif name.endswith("bias"):
            value = 0.3 * noise
        elif "emb" in name:
            value = noise
        elif "qkv" in name:
            value = 1.6 * noise / math.sqrt(shape[-1])
        else:
            value = noise / math.sqrt(shape[-1])
        state[name] = value.to(dtype)
    model = model.to(dtype)
    model.load_state_dict(state, strict=True)
    return model.eval(), state


def tokens(rows, length, seed=1):
    return torch.randint(0, VOCAB, (rows, length), generator=torch.Generator().manual_seed(seed))


def normed(x, state, name):
    mean = x.mean(-1, keepdim=True)
    var = ((x - mean) ** 2).mean(-1, keepdim=True)
    return (x - mean) / torch.sqrt(var + 1e-5) * state[name + ".weight"] + state[name + ".bias"]


def oracle(state, case, idx):
    """The decoder, written out head by head from the contract's text."""
    positions, layers, heads, width, block = case
    rows, length = idx.shape
    d = width // heads
    x = state["tok_emb.weight"][idx]
    if positions == "learned":
        x = x + state["pos_emb.weight"][:length]
    future = torch.triu(torch.ones(length, length, dtype=torch.bool), 1)
    for i in range(layers):
        p = f"blocks.{i}."
        h = normed(x, state, p + "ln_1")
        qkv = h @ state[p + "attn.qkv.weight"].T + state[p + "attn.qkv.bias"]
        mixed = []
        for j in range(heads):
            q, k, v = (qkv[..., s * width + j * d : s * width + (j + 1) * d] for s in range(3))
            if positions == "rope":
                half = d // 2
                turn = torch.arange(length, dtype=x.dtype)[:, None] * 10000.0 ** (
                    -2.0 * torch.arange(half, dtype=x.dtype) / d
                )
                c, s = torch.cos(turn), torch.sin(turn)
                q = torch.cat([q[..., :half] * c - q[..., half:] * s, q[..., :half] * s + q[..., half:] * c], -1)
                k = torch.cat([k[..., :half] * c - k[..., half:] * s, k[..., :half] * s + k[..., half:] * c], -1)
            score = torch.einsum("btd,bsd->bts", q, k) / d**0.5
            score = score.masked_fill(future, float("-inf"))
            mixed.append(torch.einsum("bts,bsd->btd", torch.softmax(score, -1), v))
        x = x + torch.cat(mixed, -1) @ state[p + "attn.proj.weight"].T + state[p + "attn.proj.bias"]
        h = normed(x, state, p + "ln_2")
        h = h @ state[p + "mlp.fc.weight"].T + state[p + "mlp.fc.bias"]
        h = h * 0.5 * (1 + torch.erf(h / 2**0.5))
        x = x + h @ state[p + "mlp.proj.weight"].T + state[p + "mlp.proj.bias"]
    return normed(x, state, "ln_f") @ state["head.weight"].T


def oracle_greedy(state, case, idx, count):
    for _ in range(count):
        logits = oracle(state, case, idx[:, -case[4] :])
        idx = torch.cat([idx, logits[:, -1].argmax(-1, keepdim=True)], 1)
    return idx


def near(a, b, limit=1e-4):
    assert a.shape == b.shape, (a.shape, b.shape)
    gap = (a.double() - b.double()).abs().max().item()
    assert gap < limit, gap


def raises_value_error(call):
    try:
        call()
    except ValueError:
        return
    raise AssertionError("no ValueError")


def check_parameters(gpt, case):
    model, _ = build(gpt, case)
    positions, layers, heads, width, block = case
    want = {"tok_emb.weight": (VOCAB, width), "head.weight": (VOCAB, width)}
    want |= {"ln_f.weight": (width,), "ln_f.bias": (width,)}
    if positions == "learned":
        want["pos_emb.weight"] = (block, width)
    for i in range(layers):
        p = f"blocks.{i}."
        for norm in ("ln_1", "ln_2"):
            want |= {p + norm + ".weight": (width,), p + norm + ".bias": (width,)}
        want |= {p + "attn.qkv.weight": (3 * width, width), p + "attn.qkv.bias": (3 * width,)}
        want |= {p + "attn.proj.weight": (width, width), p + "attn.proj.bias": (width,)}
        want |= {p + "mlp.fc.weight": (4 * width, width), p + "mlp.fc.bias": (4 * width,)}
        want |= {p + "mlp.proj.weight": (width, 4 * width), p + "mlp.proj.bias": (width,)}
    assert {n: tuple(t.shape) for n, t in model.state_dict().items()} == want


def check_logits(gpt, case):
    for seed in (0, 5):
        model, state = build(gpt, case, seed)
        for rows, length in ((3, 7), (2, case[4]), (1, 1)):
            idx = tokens(rows, length, seed + length)
            with torch.no_grad():
                logits, loss = model(idx)
            assert loss is None and logits.dtype == torch.float64
            near(logits, oracle(state, case, idx))


def check_float32(gpt, case):
    model, _ = build(gpt, case, 3, dtype=torch.float32)
    _, state = build(gpt, case, 3)
    idx = tokens(2, 9)
    with torch.no_grad():
        logits = model(idx)[0]
    assert logits.dtype == torch.float32
    near(logits, oracle(state, case, idx), 5e-4)


def check_causality(gpt, case):
    model, _ = build(gpt, case, 1)
    idx = tokens(2, 9, 4)
    with torch.no_grad():
        base = model(idx)[0]
        for at in (1, 4, 8):
            other = idx.clone()
            other[:, at] = (other[:, at] + 3) % VOCAB
            moved = (model(other)[0] - base).abs().amax((0, 2))
            assert moved[:at].max() < 1e-5, "the future leaks"
            assert moved[at:].min() > 1e-7, "the past is not seen"


def check_loss(gpt, case):
    model, state = build(gpt, case, 2)
    idx = tokens(3, 8, 6)
    logits, loss = model(idx, idx)
    near(logits.detach(), oracle(state, case, idx))
    loss.backward()
    leaves = {n: t.clone().requires_grad_() for n, t in state.items()}
    p = torch.log_softmax(oracle(leaves, case, idx), -1)
    want = -sum(p[b, t, idx[b, t + 1]] for b in range(3) for t in range(7)) / 21
    want.backward()
    near(loss.detach(), want.detach(), 1e-4)
    for name, parameter in model.named_parameters():
        near(parameter.grad, leaves[name].grad, 1e-3)


def check_dropout(gpt, case):
    wet, _ = build(gpt, case, 0, dropout=0.5)
    dry, _ = build(gpt, case, 0)
    idx = tokens(2, 8)
    with torch.no_grad():
        near(wet(idx)[0], dry(idx)[0], 1e-9)
        near(wet.prefill(idx)[0], dry(idx)[0])
        wet.train()
        assert (wet(idx)[0] - wet(idx)[0]).abs().max() > 1e-3


def check_generate(gpt, case):
    for seed in (0, 1):
        model, state = build(gpt, case, seed)
        idx = tokens(2, 4, seed)
        want = oracle_greedy(state, case, idx, 6)
        for use_cache in (True, False):
            got = model.generate(idx, 6, use_cache=use_cache)
            assert got.dtype == torch.int64 and torch.equal(got, want), use_cache
    assert torch.equal(model.generate(idx, 0), idx)


def check_window(gpt, case):
    model, state = build(gpt, case, 7)
    idx = tokens(2, 5, 8)
    want = oracle_greedy(state, case, idx, case[4] + 6)
    for use_cache in (True, False):
        assert torch.equal(model.generate(idx, case[4] + 6, use_cache=use_cache), want), use_cache


def check_modes(gpt, case):
    model, state = build(gpt, case, 0, dropout=0.4)
    idx = tokens(1, 4, 2)
    want = oracle_greedy(state, case, idx, 5)
    for use_cache in (True, False):
        model.train()
        model.blocks[0].eval()
        before = [m.training for m in model.modules()]
        assert torch.equal(model.generate(idx, 5, use_cache=use_cache), want)
        assert [m.training for m in model.modules()] == before
        assert torch.is_grad_enabled()
        model.eval()
        assert torch.equal(model.generate(idx, 5, use_cache=use_cache), want)
        assert not any(m.training for m in model.modules())


def check_decode(gpt, case):
    model, state = build(gpt, case, 4)
    idx = tokens(2, case[4], 9)
    want = oracle(state, case, idx)
    for chunks in ([1] * case[4], [3, 1, 4, 2, 1], [1, 5, 2, 3], [4, case[4] - 4]):
        with torch.no_grad():
            logits, cache = model.prefill(idx[:, : chunks[0]])
            parts, at = [logits], chunks[0]
            for n in chunks[1:]:
                logits, cache = model.decode(idx[:, at : at + n], cache)
                parts.append(logits)
                at += n
        near(torch.cat(parts, 1), want[:, :at])


def check_layout(gpt, case):
    positions, layers, heads, width, block = case
    model, _ = build(gpt, case, 4)
    idx = tokens(2, 8, 9)
    with torch.no_grad():
        _, cache = model.prefill(idx[:, :5])
        first = [tuple(t.clone() for t in pair) for pair in cache]
        _, cache = model.decode(idx[:, 5:7], cache)
    assert len(first) == layers and len(list(cache)) == layers == len(list(cache))
    for old, new in zip(first, cache):
        for a, b in zip(old, new):
            assert a.shape == (2, heads, 5, width // heads) and b.shape == (2, heads, 7, width // heads)
            near(b[:, :, :5], a, 1e-5)
    keys = [k for k, _ in first]
    assert (keys[0] - keys[1]).abs().max() > 1e-3
    assert all((k - v).abs().max() > 1e-3 for k, v in first)


def check_two_generations(gpt, case):
    model, state = build(gpt, case, 4)
    a, b = tokens(2, 7, 1), tokens(3, 7, 2)
    with torch.no_grad():
        _, ca = model.prefill(a[:, :3])
        _, cb = model.prefill(b[:, :4])
        la, ca = model.decode(a[:, 3:5], ca)
        lb, cb = model.decode(b[:, 4:5], cb)
        la2, ca = model.decode(a[:, 5:], ca)
        lb2, cb = model.decode(b[:, 5:], cb)
    near(torch.cat([la, la2], 1), oracle(state, case, a)[:, 3:])
    near(torch.cat([lb, lb2], 1), oracle(state, case, b)[:, 4:])


def check_rows(gpt, case):
    model, _ = build(gpt, case, 6)
    idx = tokens(3, 6, 3)
    with torch.no_grad():
        whole = model(idx)[0]
        for row in range(3):
            near(model(idx[row : row + 1])[0], whole[row : row + 1])


def check_bounds(gpt, case):
    model, _ = build(gpt, case)
    block = case[4]
    with torch.no_grad():
        raises_value_error(lambda: model(tokens(1, block + 1)))
        raises_value_error(lambda: model.prefill(tokens(1, block + 1)))
        _, cache = model.prefill(tokens(1, block - 1))
        raises_value_error(lambda: model.decode(tokens(1, 2), cache))
        _, cache = model.prefill(tokens(1, block))
        raises_value_error(lambda: model.decode(tokens(1, 1), cache))


SHAPES = [
    ((3, 4), (4, 5)),
    ((1, 4), (4, 1)),
    ((3, 3), (3, 3)),
    ((2, 0), (0, 3)),
    ((2, 3, 4), (2, 4, 5)),
    ((2, 3, 4), (4, 5)),
    ((3, 4), (2, 4, 5)),
    ((2, 3, 4), (1, 4, 5)),
    ((1, 3, 4), (2, 4, 5)),
    ((2, 1, 3, 4), (1, 6, 4, 5)),
    ((6, 3, 4), (2, 6, 4, 5)),
    ((2, 1, 3, 4), (5, 4, 2)),
    ((2, 3, 2, 4), (4, 3)),
    ((0, 3, 4), (1, 4, 2)),
]


def operands(a, b, seed=0, dtype=torch.float64):
    dice = torch.Generator().manual_seed(seed)
    A = torch.randn(a, generator=dice, dtype=torch.float64).to(dtype)
    B = torch.randn(b, generator=dice, dtype=torch.float64).to(dtype)
    C = torch.randn(torch.matmul(A, B).shape, generator=dice, dtype=torch.float64).to(dtype)
    return A, B, C


def exact(A, B, dC):
    """dA_ir = sum_j dC_ij B_rj, dB_rj = sum_i A_ir dC_ij; a broadcast axis is summed over."""

    def summed(g, shape):
        while g.dim() > len(shape):
            g = g.sum(0)
        for axis, size in enumerate(shape):
            if size == 1 and g.size(axis) != 1:
                g = g.sum(axis, keepdim=True)
        return g

    dA = torch.einsum("...ij,...rj->...ir", dC, B.expand(dC.shape[:-2] + B.shape[-2:]))
    dB = torch.einsum("...ir,...ij->...rj", A.expand(dC.shape[:-2] + A.shape[-2:]), dC)
    return summed(dA, A.shape), summed(dB, B.shape)


def same(got, want, limit=1e-10):
    assert got is not None and got.shape == want.shape and got.dtype == want.dtype, (got, want)
    assert torch.allclose(got, want, rtol=limit, atol=limit), (got - want).abs().max()


def check_forward(matmul):
    for dtype, limit in ((torch.float64, 1e-10), (torch.float32, 1e-4)):
        for a, b in SHAPES:
            A, B, _ = operands(a, b, 1, dtype)
            same(matmul.MatMul.apply(A, B).detach(), torch.matmul(A, B), limit)


def check_backward_directly(matmul):
    for a, b in SHAPES:
        A, B, dC = operands(a, b, 2)
        A.requires_grad_()
        B.requires_grad_()
        node = matmul.MatMul.apply(A, B).grad_fn
        kept = dC.clone(), A.detach().clone(), B.detach().clone()
        with torch.no_grad():
            dA, dB = matmul.MatMul.backward(node, dC)
        wantA, wantB = exact(A.detach(), B.detach(), dC)
        same(dA.detach(), wantA)
        same(dB.detach(), wantB)
        assert torch.equal(dC, kept[0]) and torch.equal(A, kept[1]) and torch.equal(B, kept[2])


def check_through_autograd(matmul):
    for a, b in SHAPES:
        A, B, dC = operands(a, b, 3)
        wantA, wantB = exact(A, B, dC)
        A.requires_grad_()
        B.requires_grad_()
        matmul.MatMul.apply(A, B).backward(dC)
        same(A.grad, wantA)
        same(B.grad, wantB)


def check_one_sided(matmul):
    for a, b in (((3, 4), (4, 5)), ((2, 3, 4), (4, 5)), ((3, 4), (2, 4, 5))):
        A, B, dC = operands(a, b, 4)
        wantA, wantB = exact(A, B, dC)
        for left in (True, False):
            A1, B1 = A.clone().requires_grad_(left), B.clone().requires_grad_(not left)
            node = matmul.MatMul.apply(A1, B1).grad_fn
            with torch.no_grad():
                dA, dB = matmul.MatMul.backward(node, dC)
            if left:
                same(dA.detach(), wantA)
                assert dB is None
            else:
                assert dA is None
                same(dB.detach(), wantB)


def check_gradcheck(matmul):
    for a, b in (((3, 4), (4, 5)), ((2, 3, 4), (2, 4, 2)), ((2, 1, 3, 2), (1, 2, 2, 3)), ((2, 3, 4), (4, 2))):
        A, B, _ = operands(a, b, 5)
        assert torch.autograd.gradcheck(matmul.MatMul.apply, (A.requires_grad_(), B.requires_grad_()))


def check_strides(matmul):
    A, B = operands((4, 3), (3, 1), 6)[0].t(), operands((5, 4), (4, 1), 6)[0].t()
    for dC in (torch.ones((), dtype=torch.float64).expand(3, 5), operands((5, 4), (4, 3), 7)[2].t()):
        wantA, wantB = exact(A, B, dC)
        X, Y = A.detach().requires_grad_(), B.detach().requires_grad_()
        assert not X.is_contiguous()
        dA, dB = matmul.MatMul.backward(matmul.MatMul.apply(X, Y).grad_fn, dC)
        same(dA.detach(), wantA)
        same(dB.detach(), wantB)
    E = operands((1, 3, 4), (4, 5), 8)[0].expand(6, 3, 4)
    F = operands((6, 4, 5), (5, 1), 9)[0]
    same(matmul.MatMul.apply(E, F).detach(), E @ F)


def check_scan(scan):
    for n in (0, 1, 2, 3, 5, 8, 9, 13):
        xs = torch.randint(0, 7, (n, 2, 2), generator=torch.Generator().manual_seed(n))
        kept = xs.clone()
        ys = scan.inclusive_scan(xs, lambda left, right: (left @ right) % 101)
        assert torch.equal(xs, kept) and ys.shape == xs.shape
        total = torch.eye(2, dtype=torch.int64)
        for i in range(n):
            total = total @ xs[i] % 101
            assert torch.equal(ys[i] % 101, total), (n, i)


def check_tiles(scan):
    A = torch.randn(3, 10, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    B = torch.randn(10, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    for tile in (1, 3, 5, 10, 16):
        got = scan.tiled_prefix_matmul(A, B, tile)
        ends = list(range(tile, 10, tile)) + [10]
        assert got.shape == (len(ends), 3, 4)
        for g, end in zip(got, ends):
            assert torch.allclose(g, A[:, :end] @ B[:end])
def setUpModule():
    global OLD_THREADS
    OLD_THREADS = torch.get_num_threads()
    torch.set_num_threads(1)


def tearDownModule():
    torch.set_num_threads(OLD_THREADS)


class Contract:
    """A mixin, not a TestCase: it runs only through the classes below."""

    case = None

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.gpt = minigpt

    def setUp(self):
        torch.manual_seed(1)
        self.addCleanup(self.assertTrue, torch.is_grad_enabled())

    def test_parameters(self):
        check_parameters(self.gpt, self.case)

    def test_logits(self):
        check_logits(self.gpt, self.case)

    def test_float32(self):
        check_float32(self.gpt, self.case)

    def test_causality(self):
        check_causality(self.gpt, self.case)

    def test_loss(self):
        check_loss(self.gpt, self.case)

    def test_dropout(self):
        check_dropout(self.gpt, self.case)

    def test_generate(self):
        check_generate(self.gpt, self.case)

    def test_window(self):
        check_window(self.gpt, self.case)

    def test_modes(self):
        check_modes(self.gpt, self.case)

    def test_decode(self):
        check_decode(self.gpt, self.case)

    def test_layout(self):
        check_layout(self.gpt, self.case)

    def test_two_generations(self):
        check_two_generations(self.gpt, self.case)

    def test_rows(self):
        check_rows(self.gpt, self.case)

    def test_bounds(self):
        check_bounds(self.gpt, self.case)
class LearnedTests(Contract, unittest.TestCase):
    case = CASES[0]


class RopeTests(Contract, unittest.TestCase):
    case = CASES[1]

    @unittest.expectedFailure
    def test_rope_has_no_table(self):
        model, _ = build(minigpt, self.case)
        model.get_parameter("pos_emb.weight")


class MatMulTests(unittest.TestCase):
    longMessage = True
    maxDiff = None

    def test_forward(self):
        check_forward(matmul)

    def test_backward_directly(self):
        check_backward_directly(matmul)

    def test_through_autograd(self):
        check_through_autograd(matmul)

    def test_one_sided(self):
        check_one_sided(matmul)

    def test_gradcheck(self):
        check_gradcheck(matmul)

    def test_strides(self):
        check_strides(matmul)
    def test_shapes_one_by_one(self):
        for a, b in SHAPES:
            with self.subTest(a=a, b=b):
                A, B, _ = operands(a, b)
                self.assertEqual(matmul.MatMul.apply(A, B).shape, torch.matmul(A, B).shape)


class ScanTests(unittest.TestCase):
    def setUp(self):
        try:
            import scan
        except ImportError:
            self.skipTest("no scan")
        self.scan = scan

    def test_scan(self):
        check_scan(self.scan)

    def test_tiles(self):
        check_tiles(self.scan)
class AsyncTests(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        self.model, self.state = build(minigpt, CASES[0], 1)

    async def test_generations_in_turn(self):
        async def one(seed):
            idx = tokens(1, 4, seed)
            for _ in range(3):
                await asyncio.sleep(0)
                idx = self.model.generate(idx, 1)
            return idx

        for seed, got in enumerate(await asyncio.gather(one(0), one(1))):
            self.assertTrue(torch.equal(got, oracle_greedy(self.state, CASES[0], tokens(1, 4, seed), 3)))

    def test_nothing_is_mocked(self):
        with mock.patch.object(torch, "multinomial", side_effect=AssertionError("greedy means argmax")):
            self.model.generate(tokens(1, 3), 2)


if __name__ == "__main__":
    unittest.main(verbosity=2)
