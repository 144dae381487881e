"""The chat page as a resident uses it: log in, ask, wait for the end of an answer. Waits for states, not times."""

from __future__ import annotations

from dataclasses import dataclass

from playwright.async_api import Locator, Page


@dataclass
class Chat:
    """The page at `/`, with Chinese labels."""

    page: Page

    @property
    def answers(self) -> Locator:
        return self.page.locator(".message.assistant")

    @property
    def field(self) -> Locator:
        return self.page.get_by_role("textbox", name="您的问题")

    async def connected(self) -> None:
        """The page shows an open connection."""
        await self.page.locator(".connection.open").wait_for()

    async def settled(self, count: int) -> Locator:
        """The last answer, once there are `count` of which none is under way or still being typed."""
        await self.page.wait_for_function(
            """count => document.querySelectorAll('.message.assistant').length === count
                && document.querySelectorAll('.message.assistant .actions').length === count
                && !document.querySelector('.bubble.writing')""",
            arg=count,
        )
        return self.answers.nth(count - 1)

    async def ask(self, words: str) -> Locator:
        """Type a question, send it with Enter; its answer, whole."""
        count = await self.answers.count()
        await self.field.fill(words)
        await self.field.press("Enter")
        return await self.settled(count + 1)

    async def press(self, label: str) -> Locator:
        """Press a button that asks something; the answer, whole."""
        count = await self.answers.count()
        await self.page.get_by_role("button", name=label, exact=True).last.click()
        return await self.settled(count + 1)
