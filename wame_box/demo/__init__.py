"""The demo: a temporary box that tells the whole story by itself, from an empty folder to a delivered campaign."""

from wame_box.demo.tell import tell

__all__ = ["tell"]
