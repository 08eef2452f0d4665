"""Проверки модели: CRLF и BOM."""

import minigpt
import prüfmaß_gpt as правила
import pytest


class TestМодель:
    @pytest.mark.parametrize("случай", правила.CASES, ids=["学習", "🌀"])
    @pytest.mark.parametrize("правило", правила.CHECKS, ids=[f"№{i}" for i in range(len(правила.CHECKS))])
    def test_правило(self, правило, случай):
        правило(minigpt, случай)

    def test_Ångström(self):
        assert self.test_Ångström  # NFKC makes one name of both
