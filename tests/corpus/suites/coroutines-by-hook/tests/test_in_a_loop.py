import asyncio

import matmul
import minigpt
import pytest
import rules_gpt
import rules_mm


@pytest.mark.parametrize("check", rules_gpt.CHECKS)
async def test_both_schemes(check, loopless):
    for case in rules_gpt.CASES:
        await asyncio.sleep(0)
        check(minigpt, case)


async def test_op():
    async def one(check):
        await asyncio.sleep(0)
        check(matmul)

    await asyncio.gather(*map(one, rules_mm.CHECKS))


class TestMethods:
    async def test_off_the_loop(self):
        await asyncio.to_thread(rules_gpt.check_logits, minigpt, rules_gpt.CASES[0])
