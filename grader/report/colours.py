"""The colours of both themes. Text on its ground keeps 4.5:1 or more, lines that carry meaning 3:1 (WCAG 2.2 AA)."""

from __future__ import annotations

LIGHT = {
    "ground": "#ffffff", "panel": "#f6f7f9", "ink": "#1a1e24", "muted": "#56606c", "line": "#d9dee5", "edge": "#7d8794",
    "link": "#0a569f", "focus": "#0a569f",
    "pass": "#17713a", "pass-soft": "#e6f4eb", "fail": "#b3261e", "fail-soft": "#fdeeec",
    "warn": "#835300", "warn-soft": "#fdf3dc", "none": "#5d6773", "none-soft": "#eef0f3",
    "heat0": "#f1f3f6", "heat1": "#dbe5f0", "heat2": "#b3c9e2", "heat3": "#f4b183", "heat4": "#e0703c",
    "heat5": "#a82a1c", "heat6": "#3d0f55", "series1": "#0a569f", "series2": "#b3261e", "series3": "#56606c",
}  # fmt: skip
DARK = {
    "ground": "#13161a", "panel": "#1b1f25", "ink": "#e7eaee", "muted": "#a0a9b4", "line": "#2f363f", "edge": "#76808c",
    "link": "#85bdf7", "focus": "#85bdf7",
    "pass": "#63cf8d", "pass-soft": "#15301f", "fail": "#ff948a", "fail-soft": "#3b1b19",
    "warn": "#efbe5d", "warn-soft": "#332810", "none": "#9aa4af", "none-soft": "#242a31",
    "heat0": "#1d2229", "heat1": "#22303f", "heat2": "#33526f", "heat3": "#8f5a2c", "heat4": "#d07a3e",
    "heat5": "#ff9c7a", "heat6": "#d9a6f2", "series1": "#85bdf7", "series2": "#ff948a", "series3": "#a0a9b4",
}  # fmt: skip


def css() -> str:
    """Give the custom properties: light by default and on paper, dark where the reader's system or the reader asks."""
    light, dark = (";".join(f"--{name}:{value}" for name, value in theme.items()) for theme in (LIGHT, DARK))
    return (
        f":root{{color-scheme:light;{light}}}\n"
        f'@media screen{{:root[data-theme="dark"]{{color-scheme:dark;{dark}}}}}\n'
        "@media screen and (prefers-color-scheme:dark)"
        f'{{:root:not([data-theme="light"]){{color-scheme:dark;{dark}}}}}\n'
    )
