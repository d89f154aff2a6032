"""What does not fit into its place, in windows of every width and with words longer than those of any language."""

from playwright.sync_api import Page, ViewportSize

FITS: tuple[ViewportSize, ...] = (
    {"width": 320, "height": 640},
    {"width": 640, "height": 450},
    {"width": 1280, "height": 900},
)
"""The narrowest window, one of 1280 pixels that is zoomed to 200 %, and that one."""


def cut_off(page: Page) -> list[str]:
    """What does not fit into one of the windows, as it is written and 40 % longer."""
    found: list[str] = []
    for words in ("as written", "longer"):
        if words == "longer":
            lengthen(page)
        for window in FITS:
            page.set_viewport_size(window)
            found += [f"{words}, {window['width']}: {each}" for each in overflow(page)]
    return found


def overflow(page: Page) -> list[str]:
    """Everything that is wider than its place, but for the table that scrolls in its own box."""
    found: list[str] = page.evaluate(
        """() => {
            const root = document.querySelector('plan-modal')?.shadowRoot;
            const inside = root?.querySelectorAll('*') ?? [];
            return [document.documentElement, ...document.querySelectorAll('body *'), ...inside]
                .filter(e => e.scrollWidth > e.clientWidth + 1 && e.clientWidth > 1)
                .filter(e => !e.closest('.table-box, .spoken, svg'))
                .filter(e => !['textarea', 'input'].includes(e.localName) && getComputedStyle(e).display !== 'inline')
                .map(e => `${e.localName}.${e.className} ${e.scrollWidth} > ${e.clientWidth}`);
        }"""
    )
    return found


def lengthen(page: Page) -> None:
    """Every text on the page, whoever wrote it, 40 % longer: how the next language may turn out."""
    page.evaluate(
        """() => {
            const root = document.querySelector('plan-modal')?.shadowRoot;
            for (const place of [document.body, root?.querySelector('dialog')].filter(Boolean)) {
                const texts = document.createTreeWalker(place, NodeFilter.SHOW_TEXT);
                while (texts.nextNode()) {
                    const { data } = texts.currentNode;
                    const more = 'ÄÖÜ'.repeat(Math.round(data.trim().length * 0.4 / 3)).match(/.{1,12}/g);
                    if (more) texts.currentNode.data = `${data} ${more.join(' ')}`;
                }
            }
        }"""
    )
