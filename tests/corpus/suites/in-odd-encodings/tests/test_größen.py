# -*- coding: latin-1 -*-
# Prüfung der Größen

import matmul
import prüfmaß_op as regeln
import pytest

assert len("é") == 1 and ord("é") == 233


@pytest.mark.parametrize("prüfung", regeln.CHECKS, ids=lambda p: "¿" + p.__name__ + "?")
def test_größe_stimmt(prüfung):
    prüfung(matmul)
