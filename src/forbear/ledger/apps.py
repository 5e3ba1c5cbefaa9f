from django.apps import AppConfig


class Ledger(AppConfig):
    name = "forbear.ledger"
    label = "ledger"
