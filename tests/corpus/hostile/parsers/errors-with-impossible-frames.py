# /// attack
# slow = true
# tries = "raises from code whose file, line and name were never in the submission: other folders, negative lines, a name of half a megabyte"
# fails = ["matmul.*"]
# only = "matmul.[fbg]*"
# ///
_turn = 0


class MatMul(torch.autograd.Function):
    @staticmethod
    def forward(ctx, A, B):
        global _turn
        _turn += 1
        name = ["/submissionary/../../etc/shadow", "/submission/../proc/1/environ", "/submission/" + "x/" * 4000, "/submission/<img src=x onerror=alert(1)>\n::error file=/etc/passwd,line=1::owned"][_turn % 4]
        code = compile("\n" * 5 + "def f():\n    raise type('E' * 500 + '\\x1b[31m', (ValueError,), {})('::error::' + chr(0x202e))\n", name, "exec")
        space = {}
        exec(code, space)
        line = [2**31 - 8, 1, 2**31 - 3, 7][_turn % 4]
        space["f"].__code__ = space["f"].__code__.replace(co_firstlineno=line, co_name="<script>" + "n" * 500_000)
        space["f"]()

    @staticmethod
    def backward(ctx, dC):
        return None, None
