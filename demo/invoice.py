"""Draws an invoice as a small PDF (ISO 32000-1) with Chinese text; `bill_payments.py` sends it."""

import json
from sqlite3 import Row

from demo.bill_answers import yuan
from demo.core import Resident

FEE_NAMES = {"PROPERTY": "物业费", "WATER": "水费", "ELECTRIC": "电费", "PARKING_MONTHLY": "车位月租费"}
LINE_HEIGHT = 24


def draw_invoice(bill: Row, resident: Resident) -> bytes:
    """One A5 page with the bill, its lines and what was paid."""
    texts = [
        f"{resident.community_name}  收费票据 / Invoice",
        f"票据号: {bill['bill_no']}",
        f"住户: {resident.name}    房屋: {bill['room_name']}",
        f"项目: {FEE_NAMES[bill['fee_type']]}    账期: {bill['period']}",
    ]
    texts += [
        f"{line['itemName']}  {line['quantity']} × {line['unitPrice']} = {yuan(line['amountCents'])} 元"
        for line in json.loads(bill["lines"])
    ]
    texts.append(f"实收: {yuan(bill['paid_cents'])} 元")
    return _pdf(_page(texts))


def _page(texts: list[str]) -> bytes:
    """The content stream: one line of text below the other, as UCS-2 hex strings."""
    shown = [f"<{text.encode('utf-16-be').hex().upper()}> Tj T*" for text in texts]
    return "\n".join(["BT", "/F1 12 Tf", f"{LINE_HEIGHT} TL", "36 380 Td", *shown, "ET"]).encode("ascii")


def _pdf(content: bytes) -> bytes:
    # STSong-Light with UniGB-UCS2-H is one of the standard CJK fonts of PDF readers: nothing is embedded.
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 420] /Contents 4 0 R "
        b"/Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content),
        b"<< /Type /Font /Subtype /Type0 /BaseFont /STSong-Light /Encoding /UniGB-UCS2-H /DescendantFonts [6 0 R] >>",
        b"<< /Type /Font /Subtype /CIDFontType0 /BaseFont /STSong-Light /FontDescriptor 7 0 R "
        b"/CIDSystemInfo << /Registry (Adobe) /Ordering (GB1) /Supplement 2 >> /DW 1000 /W [1 95 500] >>",
        b"<< /Type /FontDescriptor /FontName /STSong-Light /Flags 6 /FontBBox [-25 -254 1000 880] /ItalicAngle 0 "
        b"/Ascent 752 /Descent -271 /CapHeight 737 /StemV 58 >>",
    ]
    document = bytearray(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")
    offsets = []
    for number, body in enumerate(objects, start=1):
        offsets.append(len(document))
        document += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(document)
    document += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    document += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    document += b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, start)
    return bytes(document)
