"""Joins the parts: settings, catalogue, model, stores, agent, blueprints. The only place that knows all of them.

`app.py` imports it when there is something to serve: the other commands start without it."""

from __future__ import annotations

import asyncio
import gc
import math
import secrets
import time
from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import structlog
from limits import parse as parse_rate
from pydantic import SecretStr
from sanic import Sanic
from sanic_ext import Extend

from agent.context import Budgets
from agent.ports import Model
from agent.quota import DailyTokens
from agent.recovery import Recovery
from agent.running import Outside
from agent.turns import TurnRunner
from blueprints.address import Addresses
from blueprints.admission import Admission
from blueprints.api import ApiBounds, api_blueprint
from blueprints.base_path import add_entrance, request_class
from blueprints.chat import chat_blueprint
from blueprints.descriptors import Descriptors
from blueprints.docs import Documents, docs_blueprint
from blueprints.door import Door
from blueprints.gateway import Gateway
from blueprints.health import health_blueprint, readiness
from blueprints.http_errors import ApiErrors
from blueprints.lifetime import Lifetime
from blueprints.limits import Bounds, Guard
from blueprints.memory import Memory, group_limit
from blueprints.own_document import own_document
from blueprints.pages import pages_blueprint
from blueprints.sanic_protocol import SocketProtocol, socket_protocol
from blueprints.sanic_websocket import SocketBounds
from blueprints.shutdown import Shutdown
from blueprints.site import load_site
from blueprints.uploads import TYPES, uploads_blueprint
from blueprints.watchdog import Watchdog
from commands.banner import DEMO_TOKEN, DEMO_USER, banner
from commands.estate import estate_office, estate_variables
from commands.logs import set_up_logging
from commands.watching import observer_of, tracer_of
from integrations.catalogue import Catalogue, document_limits, load_catalogue
from integrations.models.embedded.model import EmbeddedModel
from integrations.overview import overview
from integrations.standing import Standing
from integrations.stores.key import kept_key
from integrations.stores.memory_log import MemoryLog
from integrations.stores.sqlite import SqliteStore
from integrations.stores.sqlite_uploads import UploadBounds
from integrations.suggestions import suggestions
from integrations.toolset import CatalogueToolsets
from integrations.understood import understood
from schemas.errors import ConfigurationError, StoreUnavailable
from schemas.frames import AttachmentLimits, Limits
from schemas.messages import localise
from schemas.observer import Observer
from schemas.page import DemoLogin, PageSettings
from schemas.settings import PROJECT, Settings
from schemas.turn import Locale

log = structlog.get_logger("steward")

_DEFAULT_MODEL = "gpt-5-mini"
_SWEEP_S = 3600.0

# Connections that wait to be accepted. After a restart everybody comes back at once; of one that does not fit the
# client believes that it is connected, and waits. Linux takes at most net.core.somaxconn, 4096 by default.
_BACKLOG = 4096


def new_id() -> str:
    """An id of 128 random bits that nobody can guess."""
    return secrets.token_urlsafe(16)


def create_model(settings: Settings, observer: Observer | None = None) -> Model:
    """The model that the settings name: a provider's, or the embedded one where there is no key."""
    if settings.uses_embedded_model or settings.openai_api_key is None:
        return EmbeddedModel(pace_s=settings.typing_pause_s)
    # Half of all import time is the SDK's: commands, and a gateway without a key, start without it.
    from integrations.models.fallback import FallbackModel
    from integrations.models.openai_chat import OpenAIChat

    def chat(name: str, base_url: str | None, key: SecretStr, patience_s: float) -> OpenAIChat:
        return OpenAIChat(
            api_key=key.get_secret_value(),
            base_url=base_url,
            model=name,
            delta_timeout_s=settings.delta_timeout_s,
            first_delta_timeout_s=settings.first_delta_timeout_s,
            patience_s=patience_s,
            echo_reasoning=settings.model_echo_reasoning,
            on_retry=(observer or Observer()).model_retried,
        )

    key, base_url = settings.openai_api_key, settings.openai_base_url
    name = settings.model or _DEFAULT_MODEL
    if not settings.fallback_model:
        return chat(name, base_url, key, math.inf)
    # where there is another one to ask, the first may use up a third of the turn
    first = chat(name, base_url, key, settings.turn_timeout_s / 3)
    other_url = settings.fallback_base_url or base_url
    other_key = settings.fallback_api_key or (key if other_url == base_url else SecretStr(""))
    return FallbackModel(first, chat(settings.fallback_model, other_url, other_key, math.inf))


def create_app(settings: Settings, environment: Mapping[str, str]) -> Sanic[Any, Any]:
    """The gateway, ready to serve. Raises `ConfigurationError` or `DocumentError` for what cannot be used at all."""
    variables = {**estate_variables(settings), **environment}
    catalogue = load_catalogue(settings.upstreams, variables, document_limits(settings))
    observer = observer_of(
        settings, lambda: Standing(len(gateway.connections), turns.running_count, toolsets.status, store.answers)
    )
    tracer = tracer_of(settings, _model_name(settings))
    model = create_model(settings, observer)
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    entries = MemoryLog(
        settings.log_entries,
        settings.max_conversations,
        new_epoch=new_id,
        window_s=settings.resume_window_s,
        max_total_bytes=settings.log_megabytes << 20,
    )
    database = settings.data_dir / "steward.sqlite3"
    store = SqliteStore(
        database,
        new_id=new_id,
        max_history_chars=4 * settings.max_history_tokens,  # no token has more of them
        dedup_window_s=settings.dedup_window_s,
        history_ttl_s=settings.history_ttl_s,
        approval_ttl_s=settings.approval_ttl_s,
        patience_s=settings.store_timeout_s,
        uploads=UploadBounds(settings.upload_ttl_s, settings.max_uploads_per_subject, settings.max_uploads_bytes),
    )
    toolsets = CatalogueToolsets(
        catalogue,
        uploads=store.uploads,
        process_key=kept_key(settings.data_dir / "owners.key"),
        observer=observer,
        tracer=tracer,
    )
    outside = Outside(
        model=model,
        log=entries,
        conversations=store.conversations,
        turns=store.turns,
        approvals=store.approvals,
        budgets=Budgets(
            turn_timeout_s=settings.turn_timeout_s,
            max_steps=settings.max_steps,
            max_tool_calls=settings.max_tool_calls,
            approval_ttl_s=settings.approval_ttl_s,
            max_history_tokens=settings.max_history_tokens,
            max_tools=settings.max_tools,
            max_tools_bytes=settings.max_tools_bytes,
            max_turn_tokens=settings.max_turn_tokens,
            max_output_tokens=settings.max_output_tokens,
            link_hosts=frozenset(settings.link_hosts),
        ),
        new_id=new_id,
        clock=datetime.now,
        zone=ZoneInfo(settings.timezone),
        quota=DailyTokens(settings.max_tokens_per_day),
        observer=observer,
        office=estate_office(settings),
        log_queries=settings.log_queries,
        tracer=tracer,
    )
    memory = Memory(settings.memory_limit_mb << 20 or group_limit(), time.monotonic)
    turns = TurnRunner(outside, scarce=memory.scarce)
    gateway = Gateway(
        toolsets=toolsets,
        conversations=store.conversations,
        approvals=store.approvals,
        turn_store=store.turns,
        uploads=store.uploads,
        entries=entries,
        turns=turns,
        recovery=Recovery(outside),
        guard=Guard(_bounds(settings), time.monotonic),
        limits=_limits(settings),
        locale=settings.locale,
        observer=observer,
    )
    shutdown = Shutdown(turns, gateway.connections, gateway.close_connections, drain_s=settings.drain_s)
    watchdog = Watchdog(settings.blocked_loop_s, observer)
    descriptors = Descriptors(settings.reserved_descriptors)
    admission = Admission(
        allowed_origins=settings.allowed_origins,
        cors_origins=settings.cors_origins,
        locale=settings.locale,
        ends=lambda: shutdown.begun,
        scarce=lambda: descriptors.scarce() or memory.scarce(),
    )

    def obstacles() -> list[str]:
        starting = not app.state.is_running  # it listens already, but a signal would be lost
        found = {
            "starting": starting,
            "shutting_down": shutdown.begun,
            "blocked": watchdog.blocked,
            "descriptors": descriptors.scarce(),
            "memory": memory.scarce(),
        }
        return [name for name, is_so in found.items() if is_so]

    def ready() -> dict[str, Any]:
        return readiness(
            obstacles=obstacles(),
            tools=catalogue.tool_counts(),
            upstreams=toolsets.status,
            failures=catalogue.failures,
            model=_model_name(settings),
            model_state=observer.model_state,
            store_answers=store.answers,
        )

    app: Sanic[Any, Any] = Sanic(
        f"steward-{new_id()}",
        configure_logging=False,
        error_handler=ApiErrors(settings.locale),
        request_class=request_class(settings.base_path),
    )
    _configure(app, settings)
    app.blueprint(
        chat_blueprint(
            gateway,
            entries,
            _addresses(settings),
            max_query_chars=settings.max_query_chars,
            send_timeout_s=settings.send_timeout_s,
            bubble_s=settings.bubble_s,
        )
    )
    door = Door(gateway, _addresses(settings))
    app.blueprint(api_blueprint(gateway, door, _api_bounds(settings), lambda locale: overview(catalogue, locale)))
    app.blueprint(
        uploads_blueprint(door, max_bytes=settings.max_upload_bytes, timeout_s=6 * settings.message_timeout_s)
    )
    if settings.docs:
        app.blueprint(docs_blueprint(PROJECT / "web" / "docs", _documents(catalogue, settings)))
    app.register_middleware(admission.check, "request")
    app.blueprint(health_blueprint(ready))
    add_entrance(app, settings.base_path)
    tutorial = PROJECT / "test" / "websocket_test.html"
    app.blueprint(pages_blueprint(load_site(PROJECT / "web"), _page(settings, catalogue), tutorial))

    lifetime = Lifetime()
    app.ctx.lifetime = lifetime

    async def end_watching() -> None:
        observer.close()
        await asyncio.to_thread(tracer.close)

    @app.before_server_start
    async def starting(_: Sanic[Any, Any]) -> None:
        try:
            await store.start()
        except StoreUnavailable as error:
            raise ConfigurationError(f"the store cannot be used: {error.reason}", file=str(database)) from error
        for end in (end_watching, store.close, toolsets.close, model.close):
            lifetime.finally_end(end)
        observer.start()
        # What there is now stays to the end. Unless it is set aside, each full collection looks through all of it, and
        # every resident's next word waits for that.
        gc.collect()
        gc.freeze()

    @app.after_server_start
    async def started(_: Sanic[Any, Any]) -> None:
        shutdown.obey(lambda: app.state.is_running, lambda: app.stop(terminate=False))
        watchdog.start()
        sweeper = asyncio.create_task(store.sweep_now_and_then(_SWEEP_S))

        async def end_both() -> None:
            watchdog.stop()
            sweeper.cancel()
            await asyncio.gather(sweeper, return_exceptions=True)

        lifetime.finally_end(end_both)
        notes = Counter(note.action for note in catalogue.notes)
        log.info("started", tools=catalogue.tool_counts(), notes=dict(notes))
        print(banner(settings, catalogue), flush=True)

    @app.before_server_stop
    async def stopping(_: Sanic[Any, Any]) -> None:
        await shutdown.run()

    @app.after_server_stop
    async def stopped(_: Sanic[Any, Any]) -> None:
        await lifetime.end()
        log.info("stopped")

    return app


def _model_name(settings: Settings) -> str:
    return "embedded" if settings.uses_embedded_model else settings.model or _DEFAULT_MODEL


def _configure(app: Sanic[Any, Any], settings: Settings) -> None:
    app.config.WEBSOCKET_MAX_SIZE = settings.max_frame_bytes
    app.config.REQUEST_MAX_SIZE = 1 << 20
    app.config.REQUEST_TIMEOUT = 10
    app.config.FALLBACK_ERROR_FORMAT = "json"
    app.config.ACCESS_LOG = False
    app.config.MOTD = False
    # sanic-ext gives HEAD and OPTIONS; its own document is invalid with pydantic 2 and its page needs a CDN
    config: dict[str, Any] = {"oas": False, "http_auto_trace": False, "health": False, "templating": False}
    config |= {
        "cors": bool(settings.cors_origins),
        "cors_origins": ",".join(sorted(settings.cors_origins)),
        "cors_allow_headers": ["authorization", "content-type", "accept", "accept-language", "last-event-id"],
        "cors_methods": ["get", "post", "delete", "options"],
        "cors_expose_headers": ["retry-after"],
        "cors_always_send": False,
        "cors_max_age": 600,
    }
    Extend(app, config=config)


def _page(settings: Settings, catalogue: Catalogue) -> PageSettings:
    return PageSettings(
        name={"zh": localise(settings.name, "zh"), "en": localise(settings.name, "en")},
        locale=settings.locale,
        suggestions={"zh": suggestions(catalogue, "zh"), "en": suggestions(catalogue, "en")},
        demo=DemoLogin(DEMO_USER, DEMO_TOKEN) if settings.runs_estate else None,
    )


def _protocol(settings: Settings) -> type[SocketProtocol]:
    """Sanic's WebSocket with its bounds. A proxy that is trusted may have any number of requests under way."""
    bounds = SocketBounds(
        max_message_bytes=settings.max_frame_bytes,
        max_fragments=settings.max_fragments,
        message_timeout_s=settings.message_timeout_s,
        ping_interval_s=settings.ping_interval_s,
        ping_timeout_s=settings.ping_timeout_s,
        handshake_timeout_s=settings.handshake_timeout_s,
    )
    addresses = _addresses(settings)
    per_peer = settings.max_connections_per_address
    return socket_protocol(
        bounds,
        unfinished_per_peer=lambda peer: math.inf if addresses.is_proxy(peer) else per_peer,
        refuses=Descriptors(settings.reserved_descriptors).refuses,
    )


def _addresses(settings: Settings) -> Addresses:
    return Addresses(settings.trusted_proxies, settings.forwarded_header)


def _documents(catalogue: Catalogue, settings: Settings) -> Documents:
    def titles(locale: Locale) -> dict[str, str]:
        names = dict.fromkeys(catalogue.failures) | dict.fromkeys(catalogue.upstreams)
        return {n: catalogue.upstreams[n].title(locale) if n in catalogue.upstreams else n for n in names}

    examples = [example for target in catalogue.tools.values() for example in target.settings.examples]
    return Documents(
        own=lambda locale: own_document(_limits(settings), locale, *examples[:1]),
        understood=lambda name, locale: understood(catalogue, name, locale),
        titles=titles,
        asyncapi=PROJECT / "docs" / "asyncapi.yaml",
        locale=settings.locale,
    )


def _limits(settings: Settings) -> Limits:
    attachments = AttachmentLimits(settings.max_attachments, settings.max_upload_bytes, list(TYPES))
    return Limits(settings.max_query_chars, settings.max_frame_bytes, attachments)


def _api_bounds(settings: Settings) -> ApiBounds:
    return ApiBounds(
        max_frame_bytes=settings.max_frame_bytes,
        max_query_chars=settings.max_query_chars,
        message_timeout_s=settings.message_timeout_s,
        send_timeout_s=settings.send_timeout_s,
        heartbeat_s=settings.ping_interval_s,
    )


def _bounds(settings: Settings) -> Bounds:
    return Bounds(
        rate_connection=parse_rate(settings.rate_connection),
        rate_subject=parse_rate(settings.rate_subject),
        rate_address=parse_rate(settings.rate_address),
        max_connections=settings.max_connections,
        max_connections_per_address=settings.max_connections_per_address,
        max_silent_connections=settings.max_silent_connections,
        idle_timeout_s=settings.idle_timeout_s,
        silent_timeout_s=settings.silent_timeout_s,
    )


def serve(settings: Settings, environment: Mapping[str, str]) -> None:
    """Serve until SIGINT or SIGTERM. One process: several share a store, behind one another they share nothing."""
    set_up_logging(settings.log_level)
    app = create_app(settings, environment)
    try:
        app.run(
            host=settings.host,
            port=settings.port,
            single_process=True,
            access_log=False,
            motd=False,
            protocol=_protocol(settings),
            backlog=_BACKLOG,
        )
    except OSError as error:
        if app.ctx.lifetime.begun:
            raise
        reason = f"cannot listen on {settings.host}:{settings.port}: {error.strerror}. Set STEWARD_PORT to a free port"
        raise ConfigurationError(reason) from error
    finally:
        app.ctx.lifetime.end_after_failure()
