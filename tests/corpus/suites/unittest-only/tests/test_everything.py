"""The whole suite as unittest: `python -m unittest discover -s tests` or anything that knows TestCase."""

import asyncio
import sys
import unittest
from pathlib import Path
from unittest import mock

sys.path.append(str(Path(__file__).resolve().parent.parent))

import torch

import matmul
import minigpt
from demands_gpt import *
from demands_mm import *
from demands_scan import *


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
