# /// attack
# tries = "code compiled under names of files outside: tracebacks that quote the host's or the sandbox's own files"
# verdicts = { "matmul.forward" = "runtime_error" }
# slow = true
# ///
SOURCE = "def forward(ctx, A, B):\n    raise ValueError('x')\n"
SPACE = {}
exec(compile(SOURCE, "/submission/../etc/passwd", "exec"), SPACE)
MatMul.forward = staticmethod(SPACE["forward"])
