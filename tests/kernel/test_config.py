"""Settings: where they come from, who wins, and that each wrong one is named."""

from pathlib import Path

import pytest

from wame_box.kernel import config_page, paths
from wame_box.kernel.config import Config, ConfigError, load_config
from wame_box.kernel.settings import Mail, networks


@pytest.fixture(autouse=True)
def _away_from_the_developers_own_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def written(folder: Path, text: str) -> Path:
    file = folder / "wame-box.toml"
    file.write_text(text, "utf-8")
    return file


def problems(file: Path | None = None, environ: dict[str, str] | None = None, options: dict[str, str] | None = None) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load_config(file, environ or {}, options)
    return caught.value.problems


def test_without_anything_the_defaults() -> None:
    assert load_config(environ={}) == Config()
    assert Config().server.host == "127.0.0.1"


def test_environment_over_file_and_command_line_over_both(tmp_path: Path) -> None:
    file = written(tmp_path, '[server]\nport = 1\nhost = "::1"\n[mail]\nfrom = "a@example.com"\n[sandbox]\nenabled = false\n')
    environ = {"WAME_BOX_SERVER__PORT": "2", "WAME_BOX_SERVER__HOST": "0.0.0.0", "HOME": "/nowhere"}  # noqa: S104
    config = load_config(file, environ, {"server.port": "3"})
    assert (config.server.port, config.server.host, config.mail.sender) == (3, "0.0.0.0", "a@example.com")  # noqa: S104
    assert not config.sandbox.enabled


def test_environment_gives_lists_and_booleans_as_text() -> None:
    environ = {"WAME_BOX_OUTBOUND__ALLOW_PRIVATE": "10.0.0.0/8, fd00::/8", "WAME_BOX_SANDBOX__ENABLED": "false"}
    config = load_config(environ=environ)
    assert config.outbound.allow_private == ("10.0.0.0/8", "fd00::/8")
    assert not config.sandbox.enabled


def test_the_file_is_found_in_the_working_folder_or_named_by_the_environment(tmp_path: Path) -> None:
    file = written(tmp_path, "[server]\nport = 4\n")
    assert load_config(environ={}).server.port == 4
    other = file.rename(tmp_path / "other.toml")
    assert load_config(environ={"WAME_BOX_CONFIG": str(other)}).server.port == 4


def test_every_wrong_setting_is_named_with_its_place_and_what_is_allowed(tmp_path: Path) -> None:
    file = written(
        tmp_path,
        '[server]\nprot = 1\nport = 70000\nlevel = "x"\n[sever]\nport = 1\n[log]\nlevel = "loud"\n'
        '[outbound]\nallow_private = ["home"]\ntimeout = "5"\n',
    )
    found = problems(file, {"WAME_BOX_SERVER__PUBLIC_URL": "ftp://x", "WAME_BOX_PORT": "1", "WAME_BOX_LOG__LEVL": "info"})
    assert found == [
        f"{file}: [server] prot: there is no such key. Did you mean port?"
        " There are: host, port, public_url, trusted_proxies, max_upload_mb.",
        f"{file}: [server] port: should be a whole number from 0 to 65535, not `70000`.",
        f"{file}: [server] level: there is no such key here. Did you mean [log] level?",
        f"{file}: [sever] there is no such section. Did you mean [server]?"
        " There are: server, data, outbound, mail, log, sandbox.",
        f"{file}: [log] level: should be `debug` or `info` or `warning` or `error`, not `loud`.",
        f"{file}: [outbound] allow_private: `home` is not a network such as `192.168.1.0/24`"
        " ('home' does not appear to be an IPv4 or IPv6 network).",
        f"{file}: [outbound] timeout: should be a whole number from 1 to 120, not `5`.",
        "environment, WAME_BOX_LOG__LEVL: there is no such key. Did you mean level? There are: level, format.",
        "environment, WAME_BOX_PORT: this key belongs in [server].",
        "environment, WAME_BOX_SERVER__PUBLIC_URL: should be a URL such as `https://wa.example.com`.",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[server\n", "is not TOML"),
        ("port = 1\n", "[port] this key belongs in [server]"),
        ("server = 1\n", "[server] there is no such section"),
        ("[mail]\npassword = 5\n", "should be a text, not what is there"),
        ('[mail]\nhost = "mail.example.com"\n', "[mail] from: is required when host is set"),
        ('[mail]\nfrom = "nobody"\n', "should be a mail address"),
        ('[server]\npublic_url = "https://example.com/box"\n', "no path is allowed"),
        ('[outbound]\nallow_private = ["10.0.0.1/8"]\n', "`10.0.0.1/8` is not a network"),
    ],
)
def test_a_bad_file_is_explained(tmp_path: Path, text: str, said: str) -> None:
    assert said in problems(written(tmp_path, text))[0]


def test_a_missing_file_and_a_wrong_option_are_explained(tmp_path: Path) -> None:
    assert problems(tmp_path / "no.toml") == [f"{tmp_path}/no.toml: cannot be read: No such file or directory."]
    assert "command line, [server] port: should be" in problems(options={"server.port": "many"})[0]


def test_settings_are_frozen_and_never_show_the_password() -> None:
    with pytest.raises(AttributeError):
        Config().server.port = 1  # type: ignore[misc]
    assert "secret" not in repr(Config(mail=Mail(password="secret")))


def test_networks_name_the_wrong_one() -> None:
    assert len(networks(["10.0.0.0/8", "::1"])) == 2
    with pytest.raises(ValueError, match="`x`"):
        networks(["x"])


def test_the_reference_page_is_the_one_generated() -> None:
    page = (paths.asset_dir() / "docs" / "en" / "configuration.md").read_text("utf-8")
    assert page == config_page.config_page(), "run: python -m wame_box.kernel.config_page > assets/docs/en/configuration.md"


def test_the_example_of_the_page_is_the_defaults(tmp_path: Path) -> None:
    example = config_page.config_page().split("```toml\n")[1].split("```")[0]
    assert load_config(written(tmp_path, example), {}) == Config()
