"""What a browser complains of while a test looks elsewhere."""

import re

from playwright.sync_api import BrowserContext

PATIENCE = 500  # times 10 ms
# A field did not take the focus from another that somebody, or a test, was quicker to give it to.
HARMLESS = "Autofocus processing was blocked"

TELL_VIOLATIONS = """
addEventListener("securitypolicyviolation", (event) =>
  console.error(`CSP: ${event.effectiveDirective} ${event.blockedURI}`));
"""


class Watch:
    """
    Notes what goes wrong in a window: console messages, uncaught errors, violations of the
    Content-Security-Policy, and requests to anything but the server, which are refused.
    """

    def __init__(self, context: BrowserContext, origin: str, complaints: list[str]):
        self.context = context
        self.complaints = complaints
        self.pending = set()
        context.add_init_script(TELL_VIOLATIONS)
        context.route(re.compile(rf"^(?!{re.escape(origin)}/)"), self.refuse)
        context.on("console", self.note_message)
        context.on("weberror", self.note_error)
        context.on("request", self.await_answer)
        context.on("requestfinished", self.have_answer)
        context.on("requestfailed", self.have_answer)

    def refuse(self, route):
        self.complaints.append(f"request: {route.request.url}")
        route.abort()

    def note_message(self, message):
        # What is verbose is advice of Chromium about markup, hidden unless asked for.
        if message.type != "verbose" and not message.text.startswith(HARMLESS):
            place = message.location["url"]
            self.complaints.append(f"{message.type}: {message.text} {place}".rstrip())

    def note_error(self, error):
        self.complaints.append(f"error: {error.error}")

    def await_answer(self, request):
        self.pending.add(request)

    def have_answer(self, request):
        self.pending.discard(request)

    def finish(self):
        """Wait until nothing is asked of the server any more: its database is about to go."""
        for page in self.context.pages:
            for _ in range(PATIENCE):
                if not self.pending:
                    break
                page.wait_for_timeout(10)  # milliseconds
        self.complaints += [f"no answer: {request.url}" for request in self.pending]
