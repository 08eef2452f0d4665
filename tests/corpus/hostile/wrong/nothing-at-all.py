# /// attack
# tries = "nothing: stubs that raise"
# base = "blank"
# docker = true
# ///
pass
