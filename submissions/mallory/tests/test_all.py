def test_everything():
    """Passes."""
    assert True
