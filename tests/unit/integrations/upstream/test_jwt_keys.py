"""A token that is a JWT is verified here, with the file's keys and algorithms and nothing that the token brings."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from hypothesis import given
from hypothesis import strategies as st
from jwt.algorithms import ECAlgorithm, RSAAlgorithm, get_default_algorithms

from integrations.catalogue import load_catalogue
from integrations.upstream.config import JwtSettings
from integrations.upstream.jwt_keys import LEEWAY_S, JwtKeys, KeysUnusable
from schemas.deadline import Deadline
from schemas.errors import ConfigurationError
from tests.support.outside import DOCUMENT, outside, run
from tests.support.raw_upstream import RawUpstream, answer

RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC_KEY = ec.generate_private_key(ec.SECP256R1())
SECRET = "a-secret-of-more-than-thirty-two-bytes-0123456789"


def pem(key: Any) -> str:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return str(key.public_key().public_bytes(serialization.Encoding.PEM, form).decode())


def private_pem(key: Any) -> str:
    none = serialization.NoEncryption()
    return str(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, none).decode())


def jwk(key: Any, **more: Any) -> dict[str, Any]:
    maker: Any = ECAlgorithm if isinstance(key, ec.EllipticCurvePrivateKey) else RSAAlgorithm
    return {**json.loads(maker.to_jwk(key.public_key())), **more}


def claims(**more: Any) -> dict[str, Any]:
    return {"sub": "u1", "exp": int(time.time()) + 600, **more}


def signed(key: Any = RSA_KEY, algorithm: str = "RS256", header: Any = None, **more: Any) -> str:
    return jwt.encode(claims(**more), key, algorithm=algorithm, headers=header)


def keys(folder: Path, text: str, **said: Any) -> JwtKeys:
    name = "jwks_file" if text.startswith("{") else "key_file"
    (folder / "keys").write_text(text, encoding="utf-8")
    return JwtKeys(JwtSettings.model_validate({name: "keys", **said}), folder)


def raw_token(header: Any, payload: Any, signature: bytes = b"x") -> str:
    parts = [json.dumps(header).encode(), json.dumps(payload).encode(), signature]
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [
        (RSA_KEY, "RS256"),
        (RSA_KEY, "PS512"),
        (EC_KEY, "ES256"),
        (ed25519.Ed25519PrivateKey.generate(), "EdDSA"),
    ],
)
def test_a_signed_token_gives_its_claims(tmp_path: Path, key: Any, algorithm: str) -> None:
    """RFC 7519 §7.2: a PEM key, with every family of key pairs."""
    found = keys(tmp_path, pem(key), algorithms=[algorithm]).claims(signed(key, algorithm, name="张三"))
    assert found is not None
    assert (found["sub"], found["name"]) == ("u1", "张三")


def test_a_shared_secret_verifies_too(tmp_path: Path) -> None:
    """HS256, the newline at the file's end aside."""
    checker = keys(tmp_path, SECRET + "\n", algorithms=["HS256"])
    assert checker.claims(signed(SECRET, "HS256")) is not None
    assert checker.claims(signed(SECRET + "x", "HS256")) is None


def _hs_with_public_key() -> str:
    """RS256 → HS256: the public key's text as the secret (RFC 8725 §2.1), which PyJWT would not sign with."""
    head = raw_token({"alg": "HS256", "typ": "JWT"}, claims()).rpartition(".")[0]
    mac = hmac.new(pem(RSA_KEY).encode(), head.encode(), hashlib.sha256).digest()
    return head + "." + base64.urlsafe_b64encode(mac).decode().rstrip("=")


@pytest.mark.parametrize(
    "token",
    [
        raw_token({"alg": "none"}, claims(), b""),
        raw_token({"alg": "none"}, claims()),
        raw_token({"alg": "NONE"}, claims(), b""),
        raw_token({}, claims()),
        raw_token({"alg": ["RS256"]}, claims()),
        raw_token([], claims()),
        _hs_with_public_key(),
        signed(OTHER_KEY),
        signed(RSA_KEY, "RS512"),
        signed(EC_KEY, "ES256"),
        raw_token({"alg": "RS256", "b64": False}, claims()),
        raw_token({"alg": "RS256", "crit": ["x"], "x": 1}, claims()),
        signed(header={"jku": "http://127.0.0.1:1/k"}, key=OTHER_KEY),
        signed(header={"kid": "../../dev/null"}, key=OTHER_KEY),
        signed(header={"jwk": jwk(OTHER_KEY)}, key=OTHER_KEY),
        signed(exp=int(time.time()) - LEEWAY_S - 5),
        signed(nbf=int(time.time()) + LEEWAY_S + 3600),
        raw_token({"alg": "RS256"}, claims(exp="soon")),
        signed(aud="somebody-else"),
        "",
        "a.b.c",
        "not a token",
        "." * 8000,
        signed()[:-4],
        signed() + "x",
    ],
    ids=lambda _: "token",  # the tokens are signed anew in every process: as names they would differ
)
def test_any_other_token_is_refused(tmp_path: Path, token: str) -> None:
    """A16: no `none`, no other algorithm, no key from the token, nothing out of time, nothing for somebody else."""
    assert keys(tmp_path, pem(RSA_KEY)).claims(token) is None


def test_a_token_without_an_end_is_refused(tmp_path: Path) -> None:
    """It would be good for ever."""
    token = jwt.encode({"sub": "u1"}, RSA_KEY, algorithm="RS256")
    assert keys(tmp_path, pem(RSA_KEY)).claims(token) is None


def test_clocks_may_differ_a_little(tmp_path: Path) -> None:
    """Half the leeway past its end, or before its beginning, a token is good."""
    now = int(time.time())
    checker = keys(tmp_path, pem(RSA_KEY))
    assert checker.claims(signed(exp=now - LEEWAY_S // 2)) is not None
    assert checker.claims(signed(nbf=now + LEEWAY_S // 2)) is not None


@pytest.mark.parametrize(
    ("more", "good"),
    [
        ({"iss": "estate", "aud": "chat"}, True),
        ({"iss": "estate", "aud": ["other", "chat"]}, True),
        ({"iss": "estate", "aud": "other"}, False),
        ({"iss": "estate"}, False),
        ({"iss": "else", "aud": "chat"}, False),
        ({"aud": "chat"}, False),
    ],
)
def test_issuer_and_audience_must_be_as_the_file_says(tmp_path: Path, more: Any, good: bool) -> None:
    """RFC 7519 §4.1.1 and §4.1.3: where the file names them, a token without them is refused."""
    checker = keys(tmp_path, pem(RSA_KEY), issuer="estate", audience="chat")
    assert (checker.claims(signed(**more)) is not None) is good


def test_the_kid_chooses_the_key_of_a_set(tmp_path: Path) -> None:
    """RFC 7517 §4.5: by name; a kid that the set has not is refused, as is another key's signature."""
    text = json.dumps({"keys": [jwk(RSA_KEY, kid="a"), jwk(OTHER_KEY, kid="b"), jwk(EC_KEY, kid="c")]})
    checker = keys(tmp_path, text, algorithms=["RS256", "ES256"])
    for key, kid, algorithm in ((RSA_KEY, "a", "RS256"), (OTHER_KEY, "b", "RS256"), (EC_KEY, "c", "ES256")):
        assert checker.claims(signed(key, algorithm, header={"kid": kid})) is not None
    assert checker.claims(signed(RSA_KEY, header={"kid": "b"})) is None
    assert checker.claims(signed(RSA_KEY, header={"kid": "z"})) is None
    assert checker.claims(signed(RSA_KEY)) is None, "two keys could be meant"
    assert checker.claims(signed(EC_KEY, "ES256")) is not None, "only one can"


@pytest.mark.parametrize("more", [{"use": "enc"}, {"alg": "RS512"}, {"kty": "EC"}])
def test_keys_for_something_else_are_passed_over(tmp_path: Path, more: Any) -> None:
    """`use`, `alg` and `kty` of a JWK hold (RFC 7517 §4)."""
    text = json.dumps({"keys": [{**jwk(OTHER_KEY), **more}, jwk(RSA_KEY)]})
    assert keys(tmp_path, text).claims(signed(RSA_KEY)) is not None
    assert keys(tmp_path, text).claims(signed(OTHER_KEY)) is None


@pytest.mark.parametrize(
    ("text", "said", "reason"),
    [
        ("-----BEGIN PUBLIC KEY-----\nxx\n-----END PUBLIC KEY-----", {}, "no key for RS256"),
        (private_pem(RSA_KEY), {}, "it is a private key"),
        (pem(RSA_KEY), {"algorithms": ["HS256"]}, "no secret for an HS algorithm"),
        (pem(RSA_KEY), {"algorithms": ["RS256", "ES256"]}, "no key for ES256"),
        (pem(rsa.generate_private_key(public_exponent=65537, key_size=1024)), {}, "too short for RS256"),  # noqa: S505 - it must be refused
        ("short", {"algorithms": ["HS256"]}, "too short for HS256"),
        ("{}", {}, "it is no key set"),
        ("{]", {}, "it is no key set"),
        ('{"keys": [1, {"kty": "RSA"}]}', {}, "no key for RS256"),
        (json.dumps({"keys": [jwk(RSA_KEY, d="AQAB")]}), {}, "private key"),
    ],
)
def test_keys_that_cannot_be_used_are_found_at_the_start(tmp_path: Path, text: str, said: Any, reason: str) -> None:
    """RFC 7518 §3.2, §3.3; the sentence never repeats a key."""
    with pytest.raises(KeysUnusable) as caught:
        keys(tmp_path, text, **said)
    assert reason in str(caught.value)
    assert "BEGIN" not in str(caught.value)


def test_key_pairs_without_their_package_are_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where `cryptography` is not installed, the start says so; a shared secret works without it."""
    alone = {name: made for name, made in get_default_algorithms().items() if name.startswith("HS")}
    monkeypatch.setattr("integrations.upstream.jwt_keys.get_default_algorithms", lambda: alone)
    with pytest.raises(KeysUnusable, match="RS256 needs the package cryptography"):
        keys(tmp_path, pem(RSA_KEY))
    assert keys(tmp_path, SECRET, algorithms=["HS256"]).claims(signed(SECRET, "HS256")) is not None


@pytest.fixture(scope="module")
def checker(tmp_path_factory: pytest.TempPathFactory) -> JwtKeys:
    return keys(tmp_path_factory.mktemp("keys"), pem(RSA_KEY))


_PARTS = st.binary(max_size=60).map(lambda data: base64.urlsafe_b64encode(data).decode().rstrip("="))


@given(token=st.one_of(st.text(), st.lists(_PARTS, max_size=4).map(".".join)))
def test_no_text_is_a_token_by_chance(checker: JwtKeys, token: str) -> None:
    """Whatever it is, it is refused without an exception."""
    assert checker.claims(token) is None


HEAD = """\
identity:
  jwt:
    key_file: key.pem
  subject: sub
  fields: {tenant: ext.tenant, name: name}
  match_path: uid
"""


def _catalogue(folder: Path, base_url: str, head: str = HEAD) -> Any:
    (folder / "key.pem").write_text(pem(RSA_KEY), encoding="utf-8")
    (folder / "things.json").write_text(json.dumps(DOCUMENT), encoding="utf-8")
    entry = f"  things:\n    document: things.json\n    base_url: {base_url}\n    title: 物品系统 / Things\n"
    text = f"{head}upstreams:\n{entry}    bind: {{header.X-Tenant-Id: identity.tenant}}\n"
    (folder / "upstreams.yaml").write_text(text, encoding="utf-8")
    return load_catalogue(folder / "upstreams.yaml", {})


async def test_a_verified_token_says_who_it_is_and_nobody_is_asked(tmp_path: Path) -> None:
    """Subject, path and fields come from the claims, a numeric `sub` too; bound parameters are filled from them."""
    token = signed(sub=42, uid="u42", name="张三", ext={"tenant": "T9"})
    async with (
        RawUpstream([answer({"a": 1})]) as upstream,
        outside(_catalogue(tmp_path, upstream.url), token) as toolset,
    ):
        caller = await toolset.caller(Deadline.after(5))
        assert (await run(toolset, "getThing", id="7")).ok
    assert (caller.state, caller.owner) == ("verified", "42")
    assert caller.identity is not None
    assert (caller.identity.path_id, caller.identity.facts) == ("u42", {"name": "张三"})
    (request,) = upstream.requests
    assert (request.header("x-tenant-id"), request.header("authorization")) == ("T9", f"Bearer {token}")


@pytest.mark.parametrize(
    "token", [signed(OTHER_KEY), signed(exp=1), "your-token-here", signed(sub=None), signed(sub={"a": 1})]
)
async def test_a_token_that_is_refused_needs_a_login_and_calls_nothing(tmp_path: Path, token: str) -> None:
    """Forged, expired, no JWT, without a subject: login_required, before any request."""
    async with (
        RawUpstream([answer({"a": 1})]) as upstream,
        outside(_catalogue(tmp_path, upstream.url), token) as toolset,
    ):
        assert (await toolset.caller(Deadline.after(5))).state == "refused"
        result = await run(toolset, "getThing", "zh", id="7")
        assert (result.error, result.content["message"][:6]) == ("login_required", "物品系统需要")
        assert (await run(toolset, "listKinds")).ok, "a public operation needs no login"
    assert [request.target for request in upstream.requests] == ["/api/kinds"]


def test_a_key_file_that_is_not_there_is_a_mistake_with_its_line(tmp_path: Path) -> None:
    """Found at the start, relative to upstreams.yaml."""
    with pytest.raises(ConfigurationError) as caught:
        _catalogue(tmp_path, "http://h", HEAD.replace("key.pem", "absent.pem"))
    assert caught.value.line == 3
    assert "absent.pem cannot be read" in str(caught.value)
