"""Tests of how others behave, from outside: nothing here knows the ledger or the rules."""
