"""Requests about matmul.py."""

import inspect
import sys
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from grader.worker.plain import Answer, Unfit, plain, strided, turned

NAMES = ("A", "B")
VIEWS = {
    "view", "_unsafe_view", "transpose", "t", "permute", "expand", "detach", "alias", "as_strided", "unsqueeze",
    "squeeze", "slice", "select", "reshape", "clone", "_to_copy", "copy_", "contiguous", "empty", "empty_like",
    "new_empty", "lift_fresh",
}  # fmt: skip


class CountWork(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Count what is multiplied by operators known for it, and what is put out by others that compute something."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.multiplied = 0
        self.put_out = 0

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # else the first operator imports torch._dynamo, for half a second and nothing

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        if formula := flop_registry.get(func._overloadpacket):
            self.multiplied += formula(*args, **(kwargs or {}), out_val=out) // 2
        elif func._schema.name.split("::")[-1] not in VIEWS:
            results = out if isinstance(out, tuple | list) else [out]
            self.put_out += sum(x.numel() for x in results if isinstance(x, Tensor))
        return out


def shifted(x: Tensor, by: float, middle: float) -> Tensor:
    """Change every entry, and not in a way that a product could be carried over; some get each sign."""
    return (x + by).abs() - middle


class Feed(torch.autograd.Function):
    """The end of a graph whose upstream gradient is dC itself, with its layout.

    torch.autograd.grad(C, inputs, dC) gives the same, after importing sympy to compare two shapes.
    """

    @staticmethod
    def forward(ctx: Any, C: Tensor, dC: Tensor) -> Tensor:
        ctx.dC = dC
        return C.new_zeros(())

    @staticmethod
    def backward(ctx: Any, _: Tensor) -> tuple[Tensor, None]:
        return ctx.dC, None


def differentiate(C: Tensor, inputs: list[Tensor], dC: Tensor, retain_graph: bool = False) -> tuple[Any, ...]:
    """Give the gradients of C by inputs for the upstream gradient dC; None where there is none."""
    end: Tensor = Feed.apply(C, dC)  # type: ignore[no-untyped-call]
    return torch.autograd.grad(end, inputs, retain_graph=retain_graph, allow_unused=True)


def runs(code: Any) -> bool:
    """Tell whether a call of this code is under way in this thread."""
    frame: Any = sys._getframe()
    while frame is not None and frame.f_code is not code:
        frame = frame.f_back
    return frame is not None


class Server:
    """Applies the submission's Function to operands that the judge lays out."""

    def __init__(self, module: Any) -> None:
        self.module = module
        self.timed: list[tuple[Tensor, Tensor, Tensor]] = []
        self.results: list[tuple[Tensor, Tensor, Tensor]] = []

    @property
    def function(self) -> Any:
        if not hasattr(self.module, "MatMul"):
            raise Unfit("matmul.py has no MatMul")
        return self.module.MatMul

    def do_apply(self, args: dict[str, Any], tensors: dict[str, Tensor], _: Any) -> Answer:
        """Apply; with dC, also call backward on the node itself (raw) and through autograd. With other operands, of
        which one may be shared, the same is done with those in between, so that two graphs and their gradients live."""
        needs = args["needs"]
        given = {n: strided(tensors[args["base"][n]], args["views"].get(n)) for n in args["base"]}
        operands = [given[n].detach().requires_grad_(need) for n, need in zip(NAMES, needs, strict=True)]
        given |= dict(zip(NAMES, operands, strict=True))
        if args["after"]:
            for operand in operands:
                operand.grad = torch.ones_like(operand)  # gathered before, and not backward's to touch
        versions = {name: tensor._version for name, tensor in given.items()}
        C = self.function.apply(*operands)
        others = [
            operand if args["shared"] == n else tensors[f"other_{n}"].detach().requires_grad_()
            for n, operand in zip(NAMES, operands, strict=True)
            if args["others"]
        ]
        other = self.function.apply(*others) if others else None
        out = {"C": plain(C, "MatMul.apply(A, B)")}
        answer: dict[str, Any] = {"requires_grad": C.requires_grad}
        if args["after"]:  # forward alone; backward might put back what it changed
            out |= {"between_" + name: plain(tensor, name) for name, tensor in given.items()}
            answer["written"] = [name for name, tensor in given.items() if tensor._version != versions[name]]
        if "dC" not in given:
            return answer, out
        if C.grad_fn is None:
            raise Unfit("the result of MatMul.apply has no grad_fn, though an operand needs a gradient")
        if args["raw"]:
            with torch.no_grad():
                raw = self.raw_gradients(C.grad_fn, given["dC"])
                if other is not None:
                    self.raw_gradients(other.grad_fn, torch.ones_like(other))
            answer["raw_none"] = [g is None for g in raw]
            out |= {
                f"raw_d{n}": plain(g, f"backward's gradient of {n}")
                for n, g in zip(NAMES, raw, strict=True)
                if g is not None
            }
        gradients = differentiate(C, [x for x in operands if x.requires_grad], given["dC"])
        if other is not None:
            differentiate(other, others, torch.ones_like(other))
        for name, gradient in zip([n for n, need in zip(NAMES, needs, strict=True) if need], gradients, strict=True):
            if gradient is not None:
                out["d" + name] = plain(gradient, f"the gradient of {name}")
        if args["after"]:
            answer["written"] = [name for name, tensor in given.items() if tensor._version != versions[name]]
            out |= {"after_" + name: plain(tensor, name) for name, tensor in given.items()}
            out |= {f"grad_{n}": plain(x.grad, f"{n}.grad") for n, x in zip(NAMES, operands, strict=True)}
        return answer, out

    def raw_gradients(self, node: Any, dC: Tensor) -> tuple[Any, Any]:
        gradients = self.function.backward(node, dC)
        # What follows is for arguments of its own, with defaults.
        if not isinstance(gradients, tuple | list) or len(gradients) < 2 or any(x is not None for x in gradients[2:]):
            raise Unfit(f"backward returns a {type(gradients).__name__}, not two gradients")
        return gradients[0], gradients[1]

    def do_again(self, args: dict[str, Any], tensors: dict[str, Tensor], _: Any) -> Answer:
        """Differentiate one graph for dC and then for another: the second gradients, by backward itself and through
        autograd."""
        operands = [tensors[n].detach().requires_grad_() for n in NAMES]
        C = self.function.apply(*operands)
        differentiate(C, operands, tensors["dC"], retain_graph=True)
        with torch.no_grad():
            raw = self.raw_gradients(C.grad_fn, tensors["other"])
        gradients = differentiate(C, operands, tensors["other"])
        found = {"raw_d": raw, "d": gradients}
        return {}, {
            label + name: plain(gradient, f"the gradient of {name}")
            for label, both in found.items()
            for name, gradient in zip(NAMES, both, strict=True)
        }

    def do_undefined(self, args: dict[str, Any], tensors: dict[str, Tensor], _: Any) -> Answer:
        """Differentiate where what comes after the product has no gradient for it: undefined, as autograd says."""
        operands = [tensors[n].detach().requires_grad_() for n in NAMES]
        C: Any = torch._C._functions.UndefinedGrad()(self.function.apply(*operands))
        gradients = differentiate(C, operands, tensors["dC"])
        return {}, {n: plain(g, f"the gradient of {n}") for n, g in zip(NAMES, gradients, strict=True) if g is not None}

    def do_square(self, args: dict[str, Any], tensors: dict[str, Tensor], _: Any) -> Answer:
        """Multiply a tensor by itself, or by itself transposed: its gradient."""
        X = tensors["X"].detach().requires_grad_()
        C = self.function.apply(X, X.mT if args["transposed"] else X)
        (gradient,) = differentiate(C, [X], tensors["dC"])
        return {}, {"dX": plain(gradient, "the gradient of X")}

    def do_nudged(self, args: dict[str, Any], tensors: dict[str, Tensor], _: Any) -> Answer:
        """Apply, change one operand where it lies, as gradcheck and optimizers do, and apply again: what comes out."""
        operands = {n: tensors[n].detach().requires_grad_() for n in NAMES}
        for again in (False, True):
            if again:
                operands[args["which"]].data.add_(tensors["by"])
            C = self.function.apply(*operands.values())
            gradients = differentiate(C, list(operands.values()), tensors["dC"])
        found = zip(NAMES, gradients, strict=True)
        return {}, {"C": plain(C, "MatMul.apply(A, B)")} | {"d" + n: plain(g, f"the gradient of {n}") for n, g in found}

    def do_double(self, args: dict[str, Any], tensors: dict[str, Tensor], _: Any) -> Answer:
        """Differentiate <dA, ddA> + <dB, ddB>, or what of it is used, by dC and the operands that need a gradient."""
        needs, used = args["needs"], args["used"]
        given = {n: turned(tensors[n]) if args["transposed"] else tensors[n] for n in NAMES}
        given |= {"dC": tensors["dC"]}
        inputs = {n: x.detach().requires_grad_(n in (*needs, "dC")) for n, x in given.items()}
        C = self.function.apply(inputs["A"], inputs["B"])
        first = torch.autograd.grad((C * inputs["dC"]).sum(), [inputs[n] for n in needs], create_graph=True)
        product: Any = sum((g * tensors["dd" + n]).sum() for n, g in zip(needs, first, strict=True) if n in used)
        by = [*needs, "dC"]
        second = torch.autograd.grad(product, [inputs[n] for n in by], allow_unused=True)
        return {}, {f"second_{n}": plain(g, n) for n, g in zip(by, second, strict=True) if g is not None}

    def do_saved(self, args: dict[str, Any], tensors: dict[str, Tensor], _: Any) -> Answer:
        """Watch the tensors that forward saves and backward reads: the gradients, and those of another graph
        where other values are read."""
        packed: list[list[int]] = []
        unpacked: list[int] = []
        forward = getattr(inspect.unwrap(self.function.forward), "__code__", None)
        inside = changed = False

        def pack(tensor: Tensor) -> tuple[int, Tensor]:
            nonlocal inside
            # save_for_backward packs when forward has returned; what packs before is a graph built in it.
            inside = inside or runs(forward)
            packed.append(list(tensor.shape))
            return len(packed) - 1, tensor

        def unpack(item: tuple[int, Tensor]) -> Tensor:
            unpacked.append(item[0])
            return item[1] + 1 if changed and item[1].is_floating_point() else item[1]

        operands = [tensors[n].detach().requires_grad_() for n in NAMES]
        out: dict[str, Tensor] = {}
        for label, changed in (("other_d", True), ("d", False)):  # noqa: B007 # unpack reads it
            packed.clear()
            unpacked.clear()
            with torch.autograd.graph.saved_tensors_hooks(pack, unpack):
                C = self.function.apply(*operands)
            gradients = differentiate(C, operands, tensors["dC"])
            out |= {label + n: plain(g, n) for n, g in zip(NAMES, gradients, strict=True) if g is not None}
        is_function = isinstance(self.function, type) and issubclass(self.function, torch.autograd.Function)
        return {"packed": packed, "unpacked": unpacked, "is_function": is_function, "inside": inside}, out

    def do_changed(self, args: dict[str, Any], tensors: dict[str, Tensor], _: Any) -> Answer:
        """Change one operand in place between forward and backward; autograd should notice."""
        leaves = {n: tensors[n].detach().requires_grad_(need) for n, need in zip(NAMES, args["needs"], strict=True)}
        operands = {n: leaf * 1 for n, leaf in leaves.items()}
        wanted = {n: leaf for n, leaf in leaves.items() if leaf.requires_grad}
        C = self.function.apply(*operands.values())
        with torch.no_grad():
            operands[args["which"]].add_(1)
        try:
            gradients = differentiate(C, list(wanted.values()), tensors["dC"])
        except Exception:  # a saved tensor's version check, or backward's own words for it
            return {"noticed": True}, {}
        out = {f"d{n}": plain(g, n) for n, g in zip(wanted, gradients, strict=True) if g is not None}
        return {"noticed": False}, out

    def do_work(self, args: dict[str, Any], tensors: dict[str, Tensor], _: Any) -> Answer:
        """Count what backward computes for the gradients that are needed."""
        operands = [tensors[n].detach().requires_grad_(need) for n, need in zip(NAMES, args["needs"], strict=True)]
        C = self.function.apply(*operands)
        kept: list[Any] = []  # what a graph built inside backward would save

        def pack(tensor: Tensor) -> Tensor:
            kept.append(None)
            return tensor

        with torch.no_grad(), torch.autograd.graph.saved_tensors_hooks(pack, lambda x: x), CountWork() as count:
            raw = self.raw_gradients(C.grad_fn, tensors["dC"])
        none = [g is None for g in raw]
        return {"work": [count.multiplied, count.put_out], "none": none, "inside": bool(kept)}, {}

    def do_put(self, args: dict[str, Any], tensors: dict[str, Tensor], _: Any) -> Answer:
        """Keep operands for timing."""
        self.timed = [(tensors[f"A{i}"], tensors[f"B{i}"], tensors[f"dC{i}"]) for i in range(args["count"])]
        return {}, {}

    def do_run(self, args: dict[str, Any], tensors: dict[str, Tensor], _: Any) -> Answer:
        """One forward and backward over every kept operand, shifted so that no run repeats another, and how large what
        came out is; the judge holds the clock."""
        results = []
        for kept in self.timed:
            A, B, dC = (shifted(x, args["shift"], args["middle"]) for x in kept)
            a, b = A.requires_grad_(), B.requires_grad_()
            C = self.function.apply(a, b)
            dA, dB = differentiate(C, [a, b], dC)
            results.append((C, dA, dB))
        self.results = results
        with torch.no_grad():
            return {"sizes": [[float(x.abs().sum()) for x in row] for row in results]}, {}

    def do_fetch(self, args: dict[str, Any], tensors: dict[str, Tensor], _: Any) -> Answer:
        """Give what the last run computed."""
        names = ("C", "dA", "dB")
        return {}, {
            f"{n}{i}": plain(t, n) for i, row in enumerate(self.results) for n, t in zip(names, row, strict=True)
        }
