"""Where everything is. `POST /v1/decisions` is taken by the ASGI application before Django sees it."""

from __future__ import annotations

from django.urls import path
from django.views.generic import TemplateView

from forbear.web import log, outbox, pages, rulebook_pages, static
from forbear.web.api import api
from forbear.web.public import optin, person, receipt

urlpatterns = [
    path("", pages.home),
    path("healthz", pages.alive),
    path("readyz", pages.ready),
    path("docs", TemplateView.as_view(template_name="forbear/api.html")),
    path("static/<path:name>", static.serve),
    path("rulebook", rulebook_pages.index),
    path("rulebook/rules/<str:rule_id>", rulebook_pages.rule),
    path("rulebook/places/<str:code>", rulebook_pages.place),
    path("rulebook/calendars", rulebook_pages.calendars),
    path("rulebook/calendars/<str:name>", rulebook_pages.calendar),
    path("rulebook/coverage", rulebook_pages.coverage),
    path("rulebook/week", rulebook_pages.week),
    path("u/<str:token>", person.unsubscribe),
    path("u/<str:token>/preferences", person.choose),
    path("u/<str:token>/why", person.explain),
    path("u/<str:token>/report", person.report),
    path("u/<str:token>/fresh", person.ask_fresh),
    path("u/<str:token>/records", person.records),
    path("u/<str:token>/erase", person.forget),
    path("u/<str:token>/receipts/<uuid:event>", receipt.receipt),
    path("u/<str:token>/receipts/<uuid:event>/proof.json", receipt.proof_file),
    path("f/<str:account>/<str:slug>", optin.form),
    path("f/<str:account>/<str:slug>/embed", optin.form, {"embed": True}),
    path("c/<str:token>", optin.confirm),
    path("n/<str:token>", optin.not_me),
    path("log/<path:name>", log.public),
    path("outbox", outbox.page),
    path("v1/", api.urls),
]
handler400 = "forbear.web.edge.bad_request"
handler404 = "forbear.web.edge.not_found"
handler500 = "forbear.web.edge.fault"
