"""Exact decimal arithmetic: a result that would have to be rounded is an error, never another amount."""

from decimal import Context, DivisionByZero, Inexact, InvalidOperation, Overflow

EXACT = Context(prec=4000, traps=[DivisionByZero, Inexact, InvalidOperation, Overflow])
