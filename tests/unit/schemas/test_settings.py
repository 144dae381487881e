"""Settings: the defaults of the protocol's table, the environment's names, mistakes that are told."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest
from pydantic import ValidationError

from schemas.settings import SHIPPED_UPSTREAMS, Settings


@pytest.fixture
def environment() -> Iterator[dict[str, str]]:
    """An environment without any of our variables, to be filled by the test."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("STEWARD_", "OPENAI_"))}
    with mock.patch.dict(os.environ, kept, clear=True):
        yield os.environ  # type: ignore[misc]


def test_the_defaults_are_those_of_the_protocol(environment: dict[str, str]) -> None:
    """The table "Limits", as far as it is built."""
    settings = Settings()
    assert (settings.port, settings.demo_port, settings.turn_timeout_s, settings.max_steps) == (8001, 8101, 60, 8)
    assert (settings.max_tool_calls, settings.delta_timeout_s, settings.approval_ttl_s) == (16, 15, 300)
    assert (settings.send_timeout_s, settings.max_frame_bytes, settings.max_query_chars) == (10, 65536, 4000)
    assert (settings.history_ttl_s, settings.store_timeout_s) == (30 * 86_400, 5)
    assert (settings.locale, settings.timezone) == ("zh", "Asia/Shanghai")
    assert settings.runs_estate
    assert settings.uses_embedded_model


def test_steward_variables_are_read(environment: dict[str, str], tmp_path: Path) -> None:
    """Prefix STEWARD_, relative paths from where it was started."""
    environment |= {"STEWARD_PORT": "9", "STEWARD_LOCALE": "en", "STEWARD_DATA_DIR": str(tmp_path / "x" / ".." / "y")}
    settings = Settings()
    assert (settings.port, settings.locale, settings.data_dir) == (9, "en", (tmp_path / "y").resolve())


def test_an_empty_variable_is_not_set(environment: dict[str, str]) -> None:
    """`OPENAI_API_KEY=` is how a shell says that there is none."""
    environment |= {"STEWARD_PORT": "", "OPENAI_API_KEY": ""}
    settings = Settings()
    assert settings.port == 8001
    assert settings.uses_embedded_model


def test_the_providers_own_names_choose_the_provider(environment: dict[str, str]) -> None:
    """The key is masked wherever settings are printed."""
    environment |= {"OPENAI_API_KEY": "sk-canary-123", "OPENAI_BASE_URL": "http://127.0.0.1:9/v1"}
    settings = Settings()
    assert not settings.uses_embedded_model
    assert settings.openai_base_url == "http://127.0.0.1:9/v1"
    assert "sk-canary-123" not in repr(settings) + str(settings) + settings.model_dump_json()


def test_the_embedded_model_can_be_forced(environment: dict[str, str]) -> None:
    """With a key that is there for something else."""
    environment |= {"OPENAI_API_KEY": "sk-canary-123", "STEWARD_MODEL": "embedded"}
    assert Settings().uses_embedded_model


def test_the_estate_belongs_to_the_shipped_upstreams_file(environment: dict[str, str], tmp_path: Path) -> None:
    """Another file, no embedded estate; the shipped one by another spelling is still the shipped one."""
    environment["STEWARD_UPSTREAMS"] = str(tmp_path / "upstreams.yaml")
    assert not Settings().runs_estate
    environment["STEWARD_UPSTREAMS"] = str(SHIPPED_UPSTREAMS.parent / ".." / "openapi" / "upstreams.yaml")
    assert Settings().runs_estate


@pytest.mark.parametrize(
    ("name", "value"),
    [("PORT", "99999"), ("PORT", "web"), ("LOCALE", "fr"), ("TIMEZONE", "Mars/Base"), ("TIMEZONE", "../etc/passwd"),
     ("MAX_STEPS", "1"), ("TURN_TIMEOUT_S", "0"), ("LOG_LEVEL", "LOUD")],
)  # fmt: skip
def test_a_wrong_value_is_refused_and_named(environment: dict[str, str], name: str, value: str) -> None:
    """The error names the setting."""
    environment[f"STEWARD_{name}"] = value
    with pytest.raises(ValidationError, match=name.lower()):
        Settings()


def test_link_hosts_are_named_by_commas(environment: dict[str, str]) -> None:
    """Hosts with or without a port; the default is none; a scheme, path or wildcard is refused by name."""
    assert Settings().link_hosts == ()
    environment["STEWARD_LINK_HOSTS"] = " Pay.estate.cn, estate.cn:8443 "
    assert Settings().link_hosts == ("pay.estate.cn", "estate.cn:8443")
    for wrong in ("https://estate.cn", "estate.cn/pay", "*.estate.cn"):
        environment["STEWARD_LINK_HOSTS"] = wrong
        with pytest.raises(ValidationError, match="is no host"):
            Settings()


def test_limits_of_connections_have_the_protocols_defaults(environment: dict[str, str]) -> None:
    """The rest of the table "Limits"."""
    settings = Settings()
    assert (settings.rate_connection, settings.rate_subject, settings.rate_address) == (
        "20/10 seconds",
        "60/minute",
        "600/minute",
    )
    assert (settings.max_connections, settings.max_connections_per_address) == (10000, 200)
    assert (settings.idle_timeout_s, settings.silent_timeout_s, settings.drain_s) == (1800, 300, 20)
    assert (settings.allowed_origins, settings.trusted_proxies) == (frozenset(), ())


def test_lists_are_separated_by_commas(environment: dict[str, str]) -> None:
    """Origins are compared in lower case and without a final slash; an address is a network of one."""
    environment["STEWARD_ALLOWED_ORIGINS"] = "https://A.example/, https://b.example:8443 ,"
    environment["STEWARD_TRUSTED_PROXIES"] = "10.0.0.0/8,192.168.1.5, fd00::/8"
    settings = Settings()
    assert settings.allowed_origins == {"https://a.example", "https://b.example:8443"}
    assert [str(network) for network in settings.trusted_proxies] == ["10.0.0.0/8", "192.168.1.5/32", "fd00::/8"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("STEWARD_RATE_CONNECTION", "often"),
        ("STEWARD_RATE_SUBJECT", "60 per fortnight"),
        ("STEWARD_TRUSTED_PROXIES", "10.0.0.0/8, the-proxy"),
        ("STEWARD_FORWARDED_HEADER", "x-real-ip"),
    ],
)
def test_a_limit_that_cannot_be_read_is_named(environment: dict[str, str], name: str, value: str) -> None:
    """Not ignored: it would leave the gateway open."""
    environment[name] = value
    with pytest.raises(ValidationError, match=name.removeprefix("STEWARD_").lower()):
        Settings()
