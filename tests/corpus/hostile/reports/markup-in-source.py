# /// attack
# tries = "markup in the names of functions and files, and in the lines of source that a traceback quotes"
# verdicts = { "matmul.forward" = "runtime_error" }
# slow = true
# ///
SPACE = {}
exec(
    compile(
        "def forward(ctx, A, B):\n    raise ValueError('x')  # <script>alert(1)</script>\n",
        "/submission/<script>alert(1)</script>.py",
        "exec",
    ),
    SPACE,
)
SPACE["forward"].__code__ = SPACE["forward"].__code__.replace(co_name="<img src=x onerror=alert(1)>")
MatMul.forward = staticmethod(SPACE["forward"])
