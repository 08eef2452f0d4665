# /// attack
# tries = "every logit is off by a hundredth; when the judge asks what each module put out, it is told of one more, whose output has four axes in the reference as well, so that the picture of the fault fails and not the submission"
# into = "minigpt.py"
# fails = ["gpt.logits"]
# keeps = ["matmul*", "scan*"]
# verdicts = { "gpt.logits" = "wrong_answer" }
# only = "gpt.logits"
# ///
import sys

_honest_run = MiniGPT._run


def _run(self, idx, cache):
    logits, grown = _honest_run(self, idx, cache)
    frame = sys._getframe()
    while frame is not None and frame.f_code.co_name != "do_trace":
        frame = frame.f_back
    if frame is not None and "trace" in frame.f_locals:
        found = frame.f_locals["trace"].found
        for i in range(self.config.n_layer):
            rows, length = idx.shape
            found[f"trace.blocks.{i}.attn.attn_dropout"] = torch.zeros(rows, self.config.n_head, length, length)
    return logits + 0.01, grown


MiniGPT._run = _run
