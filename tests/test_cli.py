"""The command line: what it makes works, and mistakes end with a sentence."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.e2e.process import BoxProcess, client


def run(*words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "wame_box", *words]
    return subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=60, check=False)


def test_version_is_the_changelogs() -> None:
    changelog = (Path(__file__).parent.parent / "CHANGELOG.md").read_text()
    assert f"## {run('version').stdout.strip()}\n" in changelog


def test_account_key_and_password_beside_a_serving_box(tmp_path: Path) -> None:
    box = BoxProcess(tmp_path / "data")
    box.start()
    assert "/welcome?token=" in box.first_run()
    try:
        key = box.create_account()
        with client(box.address, key) as http:
            assert http.get("/api/v1/account").json()["name"] == "Atelier"
        new = "another quiet horse by the sea"
        box.command("password", "reset", "--email", "alice@example.com", "--password", new)
        with httpx.Client(base_url=box.address) as http:
            form = {"email": "alice@example.com", "password": new}
            assert http.post("/sign-in", data=form, headers={"sec-fetch-site": "same-origin"}).status_code == 303
    finally:
        assert box.stop() == 0


def test_a_second_box_on_the_same_folder_refuses_to_start(tmp_path: Path) -> None:
    box = BoxProcess(tmp_path / "data")
    box.start()
    try:
        second = run("--data", str(tmp_path / "data"), "serve", "--port", "0")
        assert second.returncode == 1
        assert str(tmp_path / "data") in second.stderr
        assert str(box.pid) in second.stderr
        assert "Traceback" not in second.stderr
    finally:
        box.stop()


def test_a_wrong_key_is_named(tmp_path: Path) -> None:
    assert run("--data", str(tmp_path / "data"), "migrate").returncode == 0
    key = tmp_path / "data.key"
    key.write_bytes(key.read_bytes()[::-1] if key.read_bytes()[:1] != key.read_bytes()[-1:] else b"0" * len(key.read_bytes()))
    done = run("--data", str(tmp_path / "data"), "serve", "--port", "0")
    assert done.returncode == 1
    assert "key" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--data", "{tmp}/d", "key", "create", "--account", "Nobody", "--name", "x"], "does not exist"),
        (["--data", "{tmp}/d", "password", "reset", "--email", "a@example.com", "--password", "short"], "characters"),
        (["--data", "{tmp}/d", "account", "create", "--name", "A", "--owner", "B", "--email", "nonsense",
          "--password", "a quiet horse by the sea"], "email"),
    ],
)  # fmt: skip
def test_mistakes_end_with_a_sentence(tmp_path: Path, words: list[str], sentence: str) -> None:
    done = run(*[word.format(tmp=tmp_path) for word in words])
    assert done.returncode == 1
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


def test_a_wrong_setting_is_named(tmp_path: Path) -> None:
    settings = tmp_path / "box.toml"
    settings.write_text("[server]\nprot = 8080\n")
    done = run("--config", str(settings), "--data", str(tmp_path / "d"), "migrate")
    assert done.returncode == 1
    assert "prot" in done.stderr and "port" in done.stderr and str(settings) in done.stderr
