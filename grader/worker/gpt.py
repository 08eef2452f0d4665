"""Requests about minigpt.py."""

import contextlib
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn.parameter import UninitializedParameter

from grader.worker.plain import Answer, Answers, Unfit, pair, plain

State = Callable[[], Mapping[str, Tensor]]
TRACED = ("tok_emb", "attn", "mlp", "", "ln_f", "head")


class Server:
    """Holds the models and caches that the judge asked for, by name."""

    def __init__(self, module: Any) -> None:
        self.module = module
        self.models: dict[str, Any] = {}
        self.states: dict[str, State] = {}  # by what gives each model's parameters their names
        self.caches: dict[str, Any] = {}
        self.answers = Answers()

    def do_build(self, args: dict[str, Any], tensors: dict[str, Tensor], _: Any) -> Answer:
        """Build a model and load the weights strictly."""
        for name in ("GPTConfig", "MiniGPT"):
            if not hasattr(self.module, name):
                raise Unfit(f"minigpt.py has no {name}")
        model = self.module.MiniGPT(self.module.GPTConfig(**args["config"]))
        if not isinstance(model, torch.nn.Module):
            raise Unfit("MiniGPT is not an nn.Module")
        cast(model, args["dtype"])
        lazy = any(isinstance(p, UninitializedParameter) for p in model.parameters())
        if lazy:  # what is loaded is what gives it a shape
            model.load_state_dict(tensors, strict=True)
        wanted = {name: list(t.shape) for name, t in tensors.items()}
        state: State = partial(torch.nn.Module.state_dict, model)
        if problem := compare_names(state(), wanted):
            state = model.state_dict  # which may be its own, of a wrapper say
            if compare_names(state(), wanted):
                raise Unfit(problem)
        if not lazy:
            model.load_state_dict(tensors, strict=True)
        model.eval()
        self.models[args["model"]], self.states[args["model"]] = model, state
        return {}, {}

    def do_load(self, args: dict[str, Any], tensors: dict[str, Tensor], _: Any) -> Answer:
        """Give an existing model other weights."""
        self.models[args["model"]].load_state_dict(tensors, strict=True)
        return {}, {}

    def do_cast(self, args: dict[str, Any], tensors: dict[str, Tensor], _: Any) -> Answer:
        cast(self.models[args["model"]], args["dtype"])
        return {}, {}

    def do_decay(self, args: dict[str, Any], tensors: dict[str, Tensor], _: Any) -> Answer:
        """Multiply every parameter where it lies, as an optimizer does."""
        with torch.no_grad():
            for parameter in self.models[args["model"]].parameters():
                parameter.mul_(args["factor"])
        return {}, {}

    def do_before(self, args: dict[str, Any], tensors: dict[str, Tensor], _: Any) -> Answer:
        return self.answers.before()

    def do_forward(self, args: dict[str, Any], tensors: dict[str, Tensor], _: Any) -> Answer:
        model = self.models[args["model"]]
        if args["train"] is not None:
            model.train(args["train"])
        targets = tensors["idx"] if args["targets"] == "itself" else tensors.get("targets")
        with torch.set_grad_enabled(args["gradients"]):
            call = (tensors["idx"],) if targets is None else (tensors["idx"], targets)
            result = model(*call)
        logits, loss = pair(result, "what forward returns")
        out = {"logits": self.answers.plain(logits, "logits")}
        if targets is None:
            return {}, out
        out["loss"] = plain(loss, "the loss")
        if args["gradients"]:
            if not loss.requires_grad:
                return {}, out
            model.zero_grad(set_to_none=True)
            if args["between"]:  # another pass, which leaves what this one's backward needs alone
                model(*(x.flip(0) for x in call))
            loss.backward()
            state = self.states[args["model"]]
            out |= {"grad." + name: plain(g, f"gradient of {name}") for name, g in gradients(model, state).items()}
            model.zero_grad(set_to_none=True)
        return {}, out

    def do_trace(self, args: dict[str, Any], tensors: dict[str, Tensor], _: Any) -> Answer:
        """Give what each named module put out in one forward pass, where it can be seen and is one tensor."""
        model = self.models[args["model"]].eval()
        with torch.no_grad(), Trace(model) as trace:
            model(tensors["idx"])
        return {}, trace.found

    def do_prefill(self, args: dict[str, Any], tensors: dict[str, Tensor], _: Any) -> Answer:
        model = self.models[args["model"]]
        model.eval()
        with torch.no_grad():
            logits, cache = pair(model.prefill(tensors["idx"]), "what prefill returns")
        self.caches[args["cache"]] = cache
        return {}, {"logits": self.answers.plain(logits, "prefill's logits")}

    def do_decode(self, args: dict[str, Any], tensors: dict[str, Tensor], _: Any) -> Answer:
        model = self.models[args["model"]]
        with torch.no_grad():
            result = model.decode(tensors["tokens"], self.caches[args["cache"]])
            logits, self.caches[args["cache"]] = pair(result, "what decode returns")
        return {}, {"logits": self.answers.plain(logits, "decode's logits")}

    def do_cache(self, args: dict[str, Any], tensors: dict[str, Tensor], _: Any) -> Answer:
        """Iterate over a cache, twice, and give its pairs."""
        cache = self.caches[args["cache"]]
        with torch.no_grad():
            lengths = []
            held: dict[int, int] = {}  # each buffer behind the pairs, once
            for _round in range(2):
                found: dict[str, Tensor] = {}
                held.clear()
                for i, entry in enumerate(cache):
                    if i >= 64:
                        raise Unfit("iterating over the cache gives more than 64 entries")
                    key, value = pair(tuple(entry), f"entry {i} of the cache")
                    found[f"k{i}"], found[f"v{i}"] = plain(key, f"K of layer {i}"), plain(value, f"V of layer {i}")
                    with contextlib.suppress(RuntimeError, NotImplementedError):  # a subclass need not have any
                        for tensor in (key, value):
                            held[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
                lengths.append(len(found) // 2)
        return {"lengths": lengths, "held_bytes": sum(held.values())}, found

    def do_drop(self, args: dict[str, Any], tensors: dict[str, Tensor], _: Any) -> Answer:
        self.caches.pop(args["cache"], None)
        return {}, {}

    def do_generate(self, args: dict[str, Any], tensors: dict[str, Tensor], _: Any) -> Answer:
        """Generate from a chosen mix of modes, and say what modes are left."""
        model = self.models[args["model"]]
        modules = list(model.modules())
        model.train(args["mode"] in ("train", "mixed"))
        leaves = [module for module in modules[1:] if not list(module.children())]
        if args["mode"] == "mixed":
            for leaf in leaves[::2]:
                leaf.eval()
            for module in [module for module in modules[1:] if list(module.children())][::2]:
                module.training = False
        elif args["mode"] == "inner":
            for leaf in leaves:
                leaf.train()
        before = [module.training for module in modules]
        prompt = tensors["idx"].clone()
        with torch.set_grad_enabled(args["grad_mode"]):
            how = {} if args["use_cache"] is None else {"use_cache": args["use_cache"]}
            tokens = model.generate(tensors["idx"], args["max_new_tokens"], **how)
            grad_mode, inference = torch.is_grad_enabled(), torch.is_inference_mode_enabled()
        after = [module.training for module in modules]
        moved = sum(a != b for a, b in zip(before, after, strict=True))
        answer = {
            "modes_changed": moved,
            "grad_mode_changed": grad_mode != args["grad_mode"] or inference,
            "prompt_changed": not torch.equal(tensors["idx"], prompt),
        }
        return answer, {"tokens": self.answers.plain(tokens, "what generate returns")}

    def do_graph(self, args: dict[str, Any], tensors: dict[str, Tensor], _: Any) -> Answer:
        """Count the tensors that generate keeps for a backward pass, called with gradients on."""
        saved: list[Tensor] = []

        def pack(tensor: Tensor) -> Tensor:
            saved.append(tensor)
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda x: x):
            self.models[args["model"]].generate(tensors["idx"], 2, use_cache=args["use_cache"])
        return {"saved": len(saved)}, {}


class Trace:
    """Record what the modules of the contract put out; only ever explains a verdict."""

    def __init__(self, model: torch.nn.Module) -> None:
        self.found: dict[str, Tensor] = {}
        self.hooks: list[Any] = []
        self.model = model

    def __enter__(self) -> "Trace":
        for name, module in self.model.named_modules():
            last = name.split(".")[-1]
            if name.startswith("blocks.") and name.count(".") > 2:
                continue
            if last in TRACED or (name.startswith("blocks.") and name.count(".") == 1):
                with contextlib.suppress(Exception):  # a scripted module bears no hook
                    self.hooks.append(module.register_forward_hook(self.keep(name)))
        return self

    def keep(self, name: str) -> Any:
        def hook(_module: Any, _inputs: Any, output: Any) -> None:
            tensor = output[0] if isinstance(output, tuple) and output else output
            if not name or not isinstance(tensor, Tensor) or tensor.dim() != 3:
                return
            with contextlib.suppress(Exception):  # what has no memory of its own, as inside a vmap, cannot be sent
                shown = plain(tensor, name)
                shown.data_ptr()
                self.found["trace." + name] = shown

        return hook

    def __exit__(self, *_: Any) -> None:
        for hook in self.hooks:
            hook.remove()


def gradients(model: torch.nn.Module, state: State) -> dict[str, Tensor]:
    """Give what backward left, by the names under which parameters are saved, whatever makes those names."""
    own = dict(model.named_parameters())
    found = {n: p.grad.to_dense() if p.grad.is_sparse else p.grad for n, p in own.items() if p.grad is not None}
    if own.keys() == state().keys():
        return found
    values = {name: parameter.data for name, parameter in own.items()}
    try:
        for name, parameter in own.items():
            parameter.data = found.get(name, torch.zeros_like(parameter))
        return dict(state())
    finally:
        for name, parameter in own.items():
            parameter.data = values[name]


def cast(model: torch.nn.Module, dtype: str) -> None:
    """Give the model another dtype. Not by .to(dtype): that would drop the imaginary part of a complex table."""
    model.double() if dtype == "float64" else model.float()


def compare_names(state: Mapping[str, Tensor], wanted: dict[str, list[int]]) -> str:
    """Say how the model's parameters differ from the contract's, or nothing."""
    own = {name: list(tensor.shape) for name, tensor in state.items()}
    missing = sorted(set(wanted) - set(own))
    extra = sorted(set(own) - set(wanted))
    shapes = sorted(name for name in set(own) & set(wanted) if own[name] != wanted[name])
    said = []
    if missing:
        said.append(f"missing {', '.join(missing[:4])}" + (f" and {len(missing) - 4} more" if len(missing) > 4 else ""))
    if extra:
        said.append(f"unexpected {', '.join(extra[:4])}" + (f" and {len(extra) - 4} more" if len(extra) > 4 else ""))
    for name in shapes[:2]:
        said.append(f"{name} is {own[name]}, the contract says {wanted[name]}")
    return "; ".join(said) and f"parameters do not load strictly: {'; '.join(said)}"
