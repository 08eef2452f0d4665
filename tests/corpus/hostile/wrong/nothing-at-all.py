# /// attack
# tries = "nothing: stubs that raise"
# base = "blank"
# ///
pass
