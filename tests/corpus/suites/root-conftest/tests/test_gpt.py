def test_gpt(gpt, gpt_check, case):
    gpt_check(gpt, case)
