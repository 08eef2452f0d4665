# /// attack
# tries = "scripts, handlers, frames and javascript: links in the text and type of its errors"
# verdicts = { "matmul.forward" = "runtime_error" }
# docker = true
# ///
EVIL = (
    "<script>alert(1)</script><img src=x onerror=alert(1)>\"'><svg/onload=alert(1)><iframe src=//evil.example>"
    "</style></script><a href='javascript:alert(1)'>x</a>{{7*7}}{% include '/etc/passwd' %}<!--"
)


def forward(ctx, A, B):
    raise type(EVIL, (Exception,), {})(EVIL)


MatMul.forward = staticmethod(forward)
