def test_nothing():
    import minigpt

    assert minigpt.MiniGPT
