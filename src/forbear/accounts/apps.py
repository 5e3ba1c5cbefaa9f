from django.apps import AppConfig


class Accounts(AppConfig):
    name = "forbear.accounts"
    label = "accounts"
