"""The estate's office, where people help: its name, phone and hours as the settings give them, for one language."""

from __future__ import annotations

from dataclasses import dataclass

from schemas.messages import localise, text
from schemas.turn import Locale


@dataclass(frozen=True, slots=True)
class Office:
    """Each may be empty, and may be written for both languages as "中文 / English"."""

    text: str = ""
    phone: str = ""
    hours: str = ""

    def facts(self, locale: Locale) -> dict[str, str]:
        """What is known, by name, in one language."""
        known = {"text": self.text, "phone": self.phone, "hours": self.hours}
        return {name: localise(value, locale) for name, value in known.items() if value}

    def contact(self, locale: Locale) -> str:
        """One sentence for a resident: whom to ask, where and when."""
        facts = self.facts(locale)
        parts = [facts.pop("text", text("office.name", locale))]
        parts += [text(f"office.{name}", locale, value=value) for name, value in facts.items()]
        return text("office.contact", locale, contact=("，" if locale == "zh" else ", ").join(parts))
