"""What may stand of a query in a log that somebody switched on."""

from __future__ import annotations

import pytest

from schemas.masking import masked_words


@pytest.mark.parametrize(
    ("query", "logged"),
    [
        ("我的电话是13800138000", "我的电话是***"),
        ("call me: 0755-5550-0100 please", "call me: *** please"),
        ("身份证 44030119900101123X", "身份证 ***"),
        ("卡号 6222 0212 3456 7890 123 不对", "卡号 *** 不对"),
        ("write to li.si@example.com", "write to ***"),
        ("粤B12345停了多久", "***停了多久"),
        ("token eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.abc-DEF_123", "token ***"),
        ("１３８００１３８０００ 是我的号码", "*** 是我的号码"),
        ("查询我的物业费账单", "查询我的物业费账单"),
        ("3栋2单元501 的水费", "3栋2单元501 的水费"),
    ],
)
def test_what_names_or_opens_something_is_masked(query: str, logged: str) -> None:
    """Phones, cards, identities, mail, plates, tokens; the question itself stays readable."""
    assert masked_words(query) == logged
