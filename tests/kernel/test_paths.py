"""The data folder, its key and its lock."""

import subprocess
import sys
from pathlib import Path

import pytest

from wame_box.kernel.paths import DataFolder, FolderLock, StartError, asset_dir, data_folder, key_path, load_key


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    made = DataFolder(tmp_path / "data")
    made.create()
    return made


def test_the_assets_are_found() -> None:
    assert (asset_dir() / "locales").is_dir()


def test_the_data_folder_as_configured_or_where_the_system_keeps_such(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert data_folder("data", {}).root == Path.cwd() / "data"
    assert data_folder("", {"XDG_DATA_HOME": "/home/alice/share"}).root == Path("/home/alice/share/wame-box")
    assert data_folder("", {"STATE_DIRECTORY": "/var/lib/wame-box"}).root == Path("/var/lib/wame-box")
    monkeypatch.setattr("os.geteuid", lambda: 0)
    assert data_folder("", {}).root == Path("/var/lib/wame-box")


def test_only_its_owner_may_read_the_data_folder(folder: DataFolder) -> None:
    assert folder.root.stat().st_mode & 0o777 == 0o700


def test_a_new_box_gets_a_key_that_stays(folder: DataFolder) -> None:
    path = key_path("", folder, {})
    assert path == folder.root.with_name("data.key")
    key = load_key(path, folder, {})
    assert len(key) == 32
    assert path.stat().st_mode & 0o777 == 0o600
    assert load_key(path, folder, {}) == key
    assert [file.name for file in folder.root.parent.iterdir() if file.name != "data"] == ["data.key"]


def test_a_key_that_others_can_read_is_refused(folder: DataFolder) -> None:
    path = key_path("", folder, {})
    load_key(path, folder, {})
    path.chmod(0o640)
    with pytest.raises(StartError, match="chmod 600"):
        load_key(path, folder, {})


@pytest.mark.parametrize("content", ["", "abcd", "z" * 64, "é" * 64])
def test_a_file_without_a_key_is_refused(folder: DataFolder, content: str) -> None:
    path = key_path("", folder, {})
    path.write_text(content, "utf-8")
    path.chmod(0o600)
    with pytest.raises(StartError, match="key file"):
        load_key(path, folder, {})


def test_a_lost_key_is_never_replaced(folder: DataFolder) -> None:
    folder.database.touch()
    with pytest.raises(StartError, match="put it back"):
        load_key(key_path("", folder, {}), folder, {})
    assert not key_path("", folder, {}).exists()


def test_a_key_inside_the_data_folder_is_refused(folder: DataFolder) -> None:
    with pytest.raises(StartError, match="inside the data folder"):
        load_key(folder.root / "box.key", folder, {})


def test_a_systemd_credential_is_the_key_whatever_its_mode(folder: DataFolder, tmp_path: Path) -> None:
    credential = tmp_path / "credentials" / "box.key"
    credential.parent.mkdir()
    credential.write_text("ab" * 32)
    credential.chmod(0o440)
    environ = {"CREDENTIALS_DIRECTORY": str(credential.parent)}
    assert load_key(key_path("", folder, environ), folder, environ) == b"\xab" * 32


def test_a_second_box_is_kept_off_the_folder(folder: DataFolder) -> None:
    holder = (
        "import sys; from pathlib import Path; from wame_box.kernel.paths import *; "
        "lock = FolderLock(DataFolder(Path(sys.argv[1]))); print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", holder, str(folder.root)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(StartError, match=rf"process {other.pid}\) is using the data folder {folder.root}"):
            FolderLock(folder)
        other.kill()
    with FolderLock(folder):
        pass
