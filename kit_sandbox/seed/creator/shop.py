"""What is sold, at which price, and how an order looks."""

from random import Random
from typing import NamedTuple

from ...records import Json

VAT = {"USD": 0, "EUR": 19, "GBP": 20}
"""Percent, on top of the price."""


class Product(NamedTuple):
    """Something in the shop, with its price in each currency and the share of orders (per mille) that come back."""

    pid: str
    sku: str
    name: str
    tag: str
    prices: dict[str, int]
    refunded: int


def _product(pid: str, sku: str, name: str, usd: int, eur: int, gbp: int, refunded: int) -> Product:
    return Product(pid, sku, name, f"Bought: {name}", {"USD": usd, "EUR": eur, "GBP": gbp}, refunded)


GUIDE = _product("7101", "guide", "The Starter Guide", 19, 18, 15, 12)
CALCULATOR = _product("7102", "calculator", "Baker's Calculator", 9, 9, 8, 5)
WEEK = _product("7201", "course-week", "Bread in a Week", 149, 139, 119, 45)
MASTERCLASS = _product("7202", "course-master", "Sourdough Masterclass", 299, 279, 239, 55)
WORKSHOP = _product("7301", "workshop", "Live workshop ticket", 39, 36, 32, 20)
PRODUCTS = (GUIDE, CALCULATOR, WEEK, MASTERCLASS, WORKSHOP)
COURSES = (WEEK, MASTERCLASS)


class Order(NamedTuple):
    """The lines and amounts of an order."""

    products: tuple[dict[str, Json], ...]
    amounts: dict[str, Json]


def order(products: tuple[Product, ...], currency: str, off_percent: int = 0) -> Order:
    """An order of one of each; the tax is on what is paid, and every amount has two digits."""
    lines = tuple(
        {
            "quantity": 1,
            "lid": str(place),
            "unit_price": float(product.prices[currency]),
            "sku": product.sku,
            "name": product.name,
            "pid": product.pid,
        }
        for place, product in enumerate(products, 1)
    )
    subtotal = sum(product.prices[currency] for product in products)
    discount = round(subtotal * off_percent / 100, 2)
    tax = round((subtotal - discount) * VAT[currency] / 100, 2)
    amounts = {
        "subtotal": float(subtotal),
        "discount": discount,
        "tax": tax,
        "shipping": 0.0,
        "total": round(subtotal - discount + tax, 2),
    }
    return Order(lines, amounts)


def basket(random: Random, product: Product) -> tuple[Product, ...]:
    """A product, now and then with the little one beside it."""
    return (product, CALCULATOR) if product in (GUIDE, WEEK) and random.random() < 0.18 else (product,)
