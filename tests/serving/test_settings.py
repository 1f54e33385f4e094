"""The settings, `.env.example` and README say the same."""

import re
from pathlib import Path

import pytest

from serving.errors import ConfigurationError
from serving.secrets_file import derived_key, read_or_create, with_secret_key
from serving.settings import Settings, load_settings

_ROOT = Path(__file__).resolve().parents[2]
_NAMES = {name.upper() for name in Settings.model_fields}


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in _NAMES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


def _example() -> dict[str, str]:
    lines = (_ROOT / ".env.example").read_text(encoding="utf-8").splitlines()
    pairs = [line.removeprefix("# ").split("=", 1) for line in lines if "=" in line and line[2:3].isupper()]
    return {name: value for name, value in pairs if name.isupper()}


def test_every_setting_is_in_the_example_when_compared() -> None:
    assert set(_example()) == _NAMES


def test_example_gives_the_defaults_when_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = Settings()
    for name, value in _example().items():
        monkeypatch.setenv(name, value)
    assert load_settings() == expected


def test_every_setting_is_described_when_listed() -> None:
    example = (_ROOT / ".env.example").read_text(encoding="utf-8")
    for name, field in Settings.model_fields.items():
        assert field.description, name
        assert field.description in example, f".env.example tells {name} differently"


def test_readme_shows_the_defaults_when_it_names_settings() -> None:
    readme = (_ROOT / "README.md").read_text(encoding="utf-8")
    table = [line for line in readme.splitlines() if re.match(r"\| `[A-Z]+_[A-Z_]+`", line)]
    assert table
    for line in table:
        name_cell, default_cell = line.split("|")[1:3]
        names, shown = re.findall(r"`([^`]+)`", name_cell), re.findall(r"^`([^`]+)`|, `([^`]+)`", default_cell.strip())
        assert set(names) <= _NAMES
        for name, default in zip(names, ("".join(groups) for groups in shown), strict=False):
            assert default == _example()[name], name


def test_data_stays_together_when_only_the_folder_is_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DATA_DIR", "somewhere")
    settings = load_settings()
    assert settings.data_dir == tmp_path / "somewhere"
    assert settings.database_url == f"sqlite:///{tmp_path}/somewhere/ussop.db"
    assert settings.media_dir.is_relative_to(settings.data_dir)


def test_lists_are_split_when_given_with_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRUSTED_PROXIES", "10.0.0.1, 192.168.0.0/24")
    assert load_settings().trusted_proxies == ("10.0.0.1", "192.168.0.0/24")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("API_PORT", "notaport"),
        ("API_PORT", "70000"),
        ("DATABASE_URL", "mysql://user:S3CRET@host/db"),
        ("CAMERA_TYPE", "webcam"),
        ("OPENVINO_PRECISION", "fp4"),
        ("TIMEZONE", "Mars/Olympus"),
        ("CAMERA_TIMEOUT_S", "-3"),
    ],
)
def test_setting_is_named_but_not_repeated_when_it_is_bad(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError, match=f"^{name}: ") as caught:
        load_settings()
    assert value not in str(caught.value).removeprefix(f"{name}: ")


def test_secrets_are_hidden_when_settings_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "the-key-that-nobody-may-see-0123456789")
    monkeypatch.setenv("ADMIN_PASSWORD", "the-password-nobody-may-see")
    monkeypatch.setenv("DATABASE_URL", "postgresql://ussop:nobody-may-see@host/db")
    monkeypatch.setenv("CAMERA_SOURCE", "rtsp://user:nobody-may-see@camera/1")
    assert "nobody-may-see" not in repr(load_settings())


def test_key_is_refused_when_it_is_short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "x" * 31)
    with pytest.raises(ConfigurationError, match="SECRET_KEY is shorter than 32 bytes"):
        with_secret_key(load_settings())


def test_key_is_kept_private_when_it_was_generated() -> None:
    first = with_secret_key(load_settings())
    path = first.data_dir / "secret.key"
    assert path.stat().st_mode & 0o777 == 0o600
    assert with_secret_key(load_settings()).secret_key == first.secret_key


def test_stored_key_is_refused_when_somebody_shortened_it() -> None:
    path = with_secret_key(load_settings()).data_dir / "secret.key"
    path.write_text("short\n", encoding="utf-8")
    with pytest.raises(ConfigurationError, match="shorter than 32 bytes"):
        with_secret_key(load_settings())


def test_link_is_not_followed_when_it_stands_in_for_the_key_file(tmp_path: Path) -> None:
    (tmp_path / "planted").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ConfigurationError):
        read_or_create(tmp_path / "planted", "fresh")
    assert not (tmp_path / "elsewhere").exists()


def test_keys_differ_when_their_purpose_does() -> None:
    settings = with_secret_key(load_settings())
    assert derived_key(settings, "tokens") != derived_key(settings, "pictures")
    with pytest.raises(ConfigurationError):
        derived_key(settings.model_copy(update={"secret_key": None}), "tokens")
