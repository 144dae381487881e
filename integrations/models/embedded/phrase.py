def phrase(pending, now, locale): return "好的，已完成。"
