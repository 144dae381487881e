"""Every setting, read once from the environment in `app.py`; each class is handed just its own values.

The prefix is `STEWARD_`; the provider's own names are kept for `OPENAI_API_KEY` and `OPENAI_BASE_URL`.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from limits import parse as parse_rate
from pydantic import Field, SecretStr, StringConstraints, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from schemas.office import Office
from schemas.turn import Locale

PROJECT = Path(__file__).resolve().parent.parent
_HOST = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?")
SHIPPED_UPSTREAMS = PROJECT / "openapi" / "upstreams.yaml"

# what residents and models are shown as part of a sentence
_Line = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200, pattern=r"^[^\x00-\x1f\x7f<>]*$")]


class Settings(BaseSettings):
    """The defaults are those of the protocol's table of limits."""

    model_config = SettingsConfigDict(
        env_prefix="STEWARD_", env_ignore_empty=True, extra="ignore", populate_by_name=True
    )

    host: str = Field(default="127.0.0.1", description="address the gateway listens on")
    port: int = Field(default=8001, ge=1, le=65535, description="port of the gateway")
    base_path: str = Field(
        default="",
        pattern=r"^(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*$",
        description="path below which everything is served, such as /steward; a proxy may take it off or not",
    )
    demo_port: int = Field(default=8101, ge=1, le=65533, description="first of the embedded estate's three ports")
    data_dir: Path = Field(default=PROJECT / "data", description="folder of everything that is written")
    upstreams: Path = Field(default=SHIPPED_UPSTREAMS, description="the upstreams file")

    document_max_bytes: int = Field(default=64 * 1024 * 1024, ge=1024, description="largest OpenAPI document, in bytes")
    document_max_nodes: int = Field(default=5_000_000, ge=100, description="values of an OpenAPI document")
    document_max_alias_nodes: int = Field(default=10_000, ge=0, description="values that aliases add to a document")

    model: str = Field(default="", description="model name; 'embedded' forces the embedded model")
    openai_api_key: SecretStr | None = Field(
        default=None, validation_alias="OPENAI_API_KEY", description="key of the provider; none: the embedded model"
    )
    openai_base_url: str | None = Field(
        default=None,
        validation_alias="OPENAI_BASE_URL",
        description="any OpenAI-compatible provider; none: OpenAI's own",
    )

    model_echo_reasoning: bool = Field(
        default=False, description="send reasoning_content back with the calls it led to, as some reasoning models want"
    )
    fallback_model: str = Field(default="", description="a model that is asked when the first one gives no answer")
    fallback_base_url: str | None = Field(default=None, description="its provider; the first one's where not given")
    fallback_api_key: SecretStr | None = Field(
        default=None, description="its key; the first one's where neither key nor URL is given"
    )

    name: str = Field(default="物业管家 / Steward", min_length=1, description="the assistant's name on the chat page")
    locale: Locale = Field(default="zh", description="language where a query does not show one")
    timezone: str = Field(default="Asia/Shanghai", description="the estate's time zone (IANA name)")
    typing_pause_s: float = Field(default=0.02, ge=0, le=1, description="embedded model's pause between pieces")

    turn_timeout_s: float = Field(default=60, gt=0, description="wall clock of one turn")
    max_steps: int = Field(default=8, ge=2, description="model calls of one turn; the last one has no tools")
    max_tool_calls: int = Field(default=16, ge=1, description="tool calls of one turn")
    max_tools: int = Field(
        default=40, ge=4, description="tools a model is offered in one step; if there are more, it gets search_tools"
    )
    max_tools_bytes: int = Field(
        default=65536, ge=20000, description="bytes of the tools a model is offered; if there are more, as above"
    )
    max_turn_tokens: int = Field(
        default=300_000, ge=1000, description="tokens of one turn, asked and answered; then the last step has no tools"
    )
    max_output_tokens: int = Field(default=32_000, ge=100, description="tokens a model may write in one turn")
    max_tokens_per_day: int = Field(
        default=0, ge=0, description="tokens that one subject may use in a day, asked and answered; 0 is no limit"
    )
    delta_timeout_s: float = Field(default=15, gt=0, description="longest silence of a model's stream")
    first_delta_timeout_s: float = Field(
        default=30, gt=0, description="how long a provider that only keeps the connection alive may take to begin"
    )
    approval_ttl_s: float = Field(default=300, gt=0, description="how long a parked write waits for the resident's yes")
    resume_window_s: float = Field(
        default=600, gt=0, description="how long a client that lost its connection gets every frame that it missed"
    )
    dedup_window_s: float = Field(
        default=86400, gt=0, description="how long a query sent again under its client_msg_id is the same turn"
    )
    history_ttl_s: float = Field(
        default=2_592_000, gt=0, description="how long a conversation that nobody uses is kept, with its approvals"
    )
    store_timeout_s: float = Field(default=5, gt=0, description="longest wait for the store to begin a write")
    send_timeout_s: float = Field(default=10, gt=0, description="longest wait for a client that does not read")
    bubble_s: float = Field(
        default=0.1, ge=0, le=5, description="shortest life of a bubble, for clients without hello to draw it"
    )
    max_frame_bytes: int = Field(default=65536, ge=1024, description="largest frame a client may send; above it 1009")
    max_fragments: int = Field(default=64, ge=1, description="fragments of one message; beyond it close 1008")
    message_timeout_s: float = Field(default=10, gt=0, description="how long one message may take to arrive whole")
    ping_interval_s: float = Field(default=20, gt=0, description="pause between two pings to a client")
    ping_timeout_s: float = Field(default=20, gt=0, description="longest silence of a client after a ping")
    handshake_timeout_s: float = Field(default=10, gt=0, description="how long a request's head may take, and its body")
    drain_s: float = Field(default=20, ge=0, description="how long turns may still run once the process is to end")
    max_connections: int = Field(default=10000, ge=1, description="WebSockets at a time; one more is closed with 4429")
    max_connections_per_address: int = Field(default=200, ge=1, description="the same, of one address")
    max_silent_connections: int = Field(
        default=5000, ge=1, description="WebSockets without a valid frame yet; the oldest makes room for one more"
    )
    idle_timeout_s: float = Field(default=1800, gt=0, description="longest silence of a client; then close 4408")
    silent_timeout_s: float = Field(default=300, gt=0, description="the same, of one that has sent no valid frame yet")
    rate_connection: str = Field(default="20/10 seconds", description="messages of one connection")
    rate_subject: str = Field(default="60/minute", description="queries of one subject, over all its connections")
    rate_address: str = Field(default="600/minute", description="messages of one address, over all its connections")
    allowed_origins: Annotated[frozenset[str], NoDecode] = Field(
        default=frozenset(), description="origins of pages that may connect, separated by commas; none given: any"
    )
    cors_origins: Annotated[frozenset[str], NoDecode] = Field(
        default=frozenset(), description="origins of pages of other hosts that may use HTTP, separated by commas"
    )
    docs: bool = Field(default=True, description="whether the documents are shown at /docs")
    trusted_proxies: Annotated[tuple[IPv4Network | IPv6Network, ...], NoDecode] = Field(
        default=(), description="networks of proxies that say who the client is, separated by commas"
    )
    forwarded_header: Literal["x-forwarded-for", "forwarded"] = Field(
        default="x-forwarded-for", description="the header in which trusted proxies say it"
    )
    blocked_loop_s: float = Field(default=2, gt=0, description="how long the event loop may be stuck unnoticed")
    reserved_descriptors: int = Field(
        default=64, ge=4, description="file descriptors that clients may not take: turns need them"
    )
    memory_limit_mb: int = Field(
        default=0, ge=0, description="memory of the process, of which 80 % are taken at most; 0 is the control group's"
    )
    max_attachments: int = Field(default=3, ge=0, description="uploads that one query may name; 0 takes none in")
    max_upload_bytes: int = Field(default=5 * 1024 * 1024, ge=1024, description="largest upload, in bytes")
    upload_ttl_s: float = Field(default=86400, gt=0, description="how long an upload is kept")
    max_uploads_per_subject: int = Field(default=30, ge=1, description="uploads of one subject that are kept at a time")
    max_uploads_bytes: int = Field(default=1 << 30, ge=1024, description="bytes of all uploads that are kept")
    max_query_chars: int = Field(default=4000, ge=1, description="longest query, in characters")
    max_history_tokens: int = Field(
        default=24000, ge=1000, description="tokens of a conversation that a model is shown, by the gateway's own count"
    )
    link_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(), description="hosts that links in answers may lead to, by commas: pay.estate.cn, estate.cn:8443"
    )
    log_entries: int = Field(default=2000, ge=100, description="entries of a conversation's log kept in memory")
    log_megabytes: int = Field(
        default=64, ge=1, description="memory of all logs together; the longest unwritten one is emptied first"
    )
    max_conversations: int = Field(default=10000, ge=10, description="conversations kept in memory")
    office_text: _Line = Field(
        default="",
        description="name of the estate's office, to which residents are sent; 中文 / English, as the next two",
    )
    office_phone: _Line = Field(default="", description="its phone")
    office_hours: _Line = Field(default="", description="when people are there")
    metrics_port: int = Field(
        default=0, ge=0, le=65535, description="port of /metrics for Prometheus, in a thread of its own; 0: none"
    )
    metrics_host: str = Field(default="127.0.0.1", description="address on which /metrics is")
    otlp_endpoint: str = Field(
        default="",
        pattern="^(https?://.*)?$",
        description="OpenTelemetry collector for traces (OTLP over HTTP), such as http://127.0.0.1:4318",
    )
    log_queries: bool = Field(default=False, description="log what residents ask, with numbers and addresses masked")
    log_level: str = Field(
        default="INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$", description="from which level on events are logged"
    )

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (KeyError, ValueError, OSError):
            raise ValueError(f"{value!r} is no IANA time zone; one is Asia/Shanghai") from None
        return value

    @field_validator("link_hosts", mode="before")
    @classmethod
    def _hosts(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        hosts = tuple(host.strip().lower() for host in value.split(",") if host.strip())
        for host in hosts:
            if not _HOST.fullmatch(host):
                raise ValueError(f"{host!r} is no host; name it without scheme, path and wildcard: pay.estate.cn")
        return hosts

    @field_validator("rate_connection", "rate_subject", "rate_address")
    @classmethod
    def _rate(cls, value: str) -> str:
        try:
            parse_rate(value)
        except ValueError:
            raise ValueError(f"{value!r} is no rate; one is 20/10 seconds, another one 60/minute") from None
        return value

    @field_validator("allowed_origins", "cors_origins", mode="before")
    @classmethod
    def _origins(cls, value: Any) -> Any:
        return {part.lower().rstrip("/") for part in _parts(value)} if isinstance(value, str) else value

    @field_validator("trusted_proxies", mode="before")
    @classmethod
    def _networks(cls, value: Any) -> Any:
        try:
            return [ip_network(part, strict=False) for part in _parts(value)] if isinstance(value, str) else value
        except ValueError as error:
            raise ValueError(f"{error}; a network is 10.0.0.0/8, an address is one too") from None

    @field_validator("base_path", mode="before")
    @classmethod
    def _without_slash(cls, value: object) -> object:
        return value.strip().rstrip("/") if isinstance(value, str) else value

    @field_validator("data_dir", "upstreams")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return value.expanduser().resolve()

    @property
    def runs_estate(self) -> bool:
        """The embedded estate belongs to the shipped upstreams file."""
        return self.upstreams == SHIPPED_UPSTREAMS

    @property
    def office(self) -> Office | None:
        """Whom the assistant names where it cannot help; None where the settings name nobody."""
        office = Office(self.office_text, self.office_phone, self.office_hours)
        return office if office != Office() else None

    @property
    def uses_embedded_model(self) -> bool:
        return self.model == "embedded" or self.openai_api_key is None


def _parts(value: str) -> list[str]:
    return [part.strip() for part in value.split(",") if part.strip()]
