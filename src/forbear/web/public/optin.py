"""`/f/{account}/{form}`: a form by which people opt in; `/c/{token}` confirms it, `/n/{token}` says "not me".

GET shows and changes nothing; POST acts. No cookie, no script. Whoever sends a form gets the same page whatever is
known of the address; only how often a client and a form may ask shows, which says nothing of anybody.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Final

from django.http import HttpRequest, HttpResponse

from forbear.core.words import Channel
from forbear.gate import forms, opt_in
from forbear.gate.links import public_url, token_of
from forbear.gate.opt_in import Answer
from forbear.web.connections import borrowed
from forbear.web.limits import Buckets
from forbear.web.public import clients, languages, shell
from forbear.web.public.texts import text

CLIENTS: Final = Buckets(rate=1 / 20, burst=10)  # addresses one client may type
FORMS: Final = Buckets(rate=5, burst=300)  # addresses typed into one form
CODES: Final = Buckets(rate=1 / 5, burst=30)  # codes and links one client may try
_LONGEST_BODY: Final = 16 * 1024
_METHODS: Final = ("GET", "HEAD", "POST", "OPTIONS")


def _public(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Methods and length, as everywhere; failures are pages."""

    @shell.guarded
    @wraps(view)
    def opening(request: HttpRequest, **more: Any) -> HttpResponse:
        if request.method not in _METHODS:
            response = shell.told(request, "not_taken", 405)
            response.headers["Allow"] = ", ".join(_METHODS)
            return response
        if request.method == "OPTIONS":
            return shell.sealed(HttpResponse(status=204, headers={"Allow": ", ".join(_METHODS)}))
        if len(request.body) > _LONGEST_BODY:
            return shell.told(request, "not_taken", 413)
        return view(request, **more)

    return opening


@_public
def form(request: HttpRequest, account: str, slug: str, embed: bool = False) -> HttpResponse:
    """The form; on POST the address or the code that was typed into it."""
    with borrowed() as conn:
        found = forms.shown(conn, account, slug)
        if found is None:
            return shell.lost(request)
        page = _Page(request, found, embed=embed)
        if request.method != "POST":
            return page.form()
        if not _from_here(request, found):
            return page.told("elsewhere", status=403)
        if "code" in request.POST:
            return _code(page, conn, request.POST.get("token", ""), request.POST["code"])
        client = clients.client_of(request)
        wait_s = clients.wait_s(CLIENTS, client) or clients.wait_s(FORMS, str(found.form.id))
        if wait_s:
            return shell.too_fast(request, wait_s, page.language)
        typed = request.POST.get("address", "")
        if request.POST.get(forms.TRAP):
            return page.sent(opt_in.nothing())
        base, where = page.url_of(""), _asked_on(request)
        token = opt_in.ask(conn, found.form, typed, base=base, page=where, language=page.language)
        return page.form(typed=typed[:320], wrong=True) if token is None else page.sent(token)


def _code(page: _Page, conn: Any, token: str, code: str) -> HttpResponse:
    client = clients.client_of(page.request)
    wait_s = clients.wait_s(CODES, client)
    if wait_s:
        return shell.too_fast(page.request, wait_s, page.language)
    done = opt_in.try_code(conn, token[:100], code[:40], page=page.url, ip=clients.address_of(page.request))
    match done.answer:
        case Answer.CONFIRMED | Answer.AGAIN:
            return page.done(done)
        case Answer.WRONG:
            return page.sent(token, wrong=page.say("code.wrong", left=done.left))
        case Answer.TOO_MANY:
            return page.told("over", status=400)
        case Answer.GONE:
            return page.told("gone", status=410)


@_public
def confirm(request: HttpRequest, token: str) -> HttpResponse:
    """Behind the link of a message: a page with one button, which alone confirms."""
    with borrowed() as conn:
        known = opt_in.linked(conn, token)
        client = clients.client_of(request)
        if known is None:
            wait_s = clients.wait_s(CODES, client)
            return shell.too_fast(request, wait_s) if wait_s else shell.lost(request)
        row, found = known
        page = _Page(request, found)
        if request.method == "POST":
            done = opt_in.confirm(conn, token, page=page.url_of("/c"), ip=clients.address_of(request))
            return page.told("gone", status=410) if done.answer is Answer.GONE else page.done(done)
        if row.expired:
            return page.told("gone", status=410)
        if row.confirmed_at is not None:
            return page.done(opt_in.Given(Answer.AGAIN))
        return page.show("optin/confirm.html", {"title": page.say("confirm.title"), "not_me": f"/n/{token}"})


@_public
def not_me(request: HttpRequest, token: str) -> HttpResponse:
    """For whoever was asked and did not ask for it."""
    with borrowed() as conn:
        known = opt_in.linked(conn, token)
        if known is None:
            wait_s = clients.wait_s(CODES, clients.client_of(request))
            return shell.too_fast(request, wait_s) if wait_s else shell.lost(request)
        page = _Page(request, known[1])
        if request.method == "POST":
            opt_in.not_me(conn, token)
            return page.told("reported", good=True)
        return page.show("optin/not_me.html", {"title": page.say("not_me.title")})


class _Page:
    """What every page of one form shows, in the language it is read in."""

    def __init__(self, request: HttpRequest, found: forms.Open, *, embed: bool = False) -> None:
        self.request, self.found, self.embed = request, found, embed
        self.language = languages.language_of(request, found.form.language)
        self.path = forms.path_of(found) + ("/embed" if embed else "")
        self.mail = found.form.channel == Channel.EMAIL.bit

    @property
    def url(self) -> str:
        return self.url_of(self.path)

    def url_of(self, path: str) -> str:
        return f"{self.request.scheme}://{self.request.get_host()}{path}"

    def say(self, key: str, **values: object) -> str:
        return text(self.language, f"optin.{key}", **values)

    def form(self, *, typed: str = "", wrong: bool = False) -> HttpResponse:
        said = {
            "title": self.found.form.list,
            "typed": typed,
            "problem": self.say("form.wrong_email" if self.mail else "form.wrong_number") if wrong else "",
            "trap": forms.TRAP,
        }
        return self.show("optin/form.html", said, status=400 if wrong else 200)

    def sent(self, token: str, *, wrong: str = "") -> HttpResponse:
        """After an address was typed: the same page for every address."""
        if self.mail:
            return self.told("sent", good=True, again=False)
        said = {"title": self.say("code.title"), "token": token, "problem": wrong}
        return self.show("optin/code.html", said, status=400 if wrong else 200)

    def done(self, done: opt_in.Given) -> HttpResponse:
        change = "" if done.link is None else f"/u/{token_of(done.link)}/preferences"
        said = {"title": self.say("done.title"), "event": done.event, "change": change}
        return self.show("optin/done.html", said)

    def told(self, what: str, *, status: int = 200, good: bool = False, again: bool = True) -> HttpResponse:
        """A page that says one thing, and where to begin again unless all is well."""
        said = {
            "title": self.say(f"{what}.title"),
            "body": self.say(f"{what}.body"),
            "good": good,
            "again": again and not good,
        }
        return self.show("optin/told.html", said, status=status)

    def show(self, template: str, said: dict[str, Any], *, status: int = 200) -> HttpResponse:
        form, words = self.found.form, self.found.wording
        known = {
            "brand": self.found.seller,
            "seller": self.found.seller,
            "list": form.list,
            "wording": words.text,
            "wording_language": words.language,
            "promised": form.promised,
            "mail": self.mail,
            "form": self.path,
        }
        policy = shell.POLICY
        if self.embed and form.origins:
            policy = policy.replace("frame-ancestors 'none'", f"frame-ancestors {' '.join(form.origins)}")
        whole = {**known, **said}
        return shell.shown(self.request, template, whole, language=self.language, status=status, policy=policy)


def _from_here(request: HttpRequest, found: forms.Open) -> bool:
    """Whether the page that sent the form may carry it. Browsers say where a form comes from; programs need not."""
    origin = request.headers.get("Origin", "")
    ours = (public_url(), f"{request.scheme}://{request.get_host()}")  # behind a proxy the scheme seen here is another
    return forms.may_carry(found.form, origin) or origin in ours


def _asked_on(request: HttpRequest) -> str:
    """The page that carried the form, as the browser says; else its origin, else our own."""
    for name in ("Referer", "Origin"):
        said = request.headers.get(name, "")
        if said.startswith(("https://", "http://")) and said.isprintable():
            return said
    return f"{request.scheme}://{request.get_host()}{request.path}"
