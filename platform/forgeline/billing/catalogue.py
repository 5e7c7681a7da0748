"""The plans that an installation starts with. They are rows from then on, the operator's to change."""

from __future__ import annotations

from typing import Any

_K, _M, _G = 1_000, 1_000_000, 1_000_000_000
_TAX = {"CNY": 600, "EUR": 1900, "USD": 0}


def _plan(
    key: str, english: str, chinese: str, position: int, prices: dict[str, int], modules: list[str] | None,
    **limits: int,
) -> dict[str, Any]:  # fmt: skip
    return {
        "key": key,
        "names": {"en": english, "zh-hans": chinese},
        "position": position,
        "limits": limits,
        "modules": modules,
        # Ten months' price for a year; cents.
        "prices": {
            currency: {"monthly": amount * 100, "yearly": amount * 1000, "tax_bp": _TAX[currency]}
            for currency, amount in prices.items()
        },
    }


PLANS = [
    _plan(
        "free", "Free", "免费版", 0, {"CNY": 0, "EUR": 0, "USD": 0}, ["dashboards"], audit_days=90,
        devices=5, points=100, users=3, samples_per_month=30 * _M, raw_days=7, api_calls_per_minute=60,
    ),
    _plan(
        "starter", "Starter", "入门版", 1, {"CNY": 299, "EUR": 39, "USD": 42}, ["dashboards", "energy"], audit_days=365,
        devices=20, points=1 * _K, users=10, samples_per_month=300 * _M, raw_days=30, api_calls_per_minute=300,
    ),
    _plan(
        "professional", "Professional", "专业版", 2, {"CNY": 999, "EUR": 129, "USD": 139}, None, audit_days=730,
        devices=100, points=10 * _K, users=50, samples_per_month=3 * _G, raw_days=90, api_calls_per_minute=1_200,
    ),
    _plan(
        "enterprise", "Enterprise", "企业版", 3, {"CNY": 3_999, "EUR": 499, "USD": 539}, None, audit_days=1_095,
        devices=2 * _K, points=100 * _K, users=1 * _K, samples_per_month=30 * _G, raw_days=365,
        api_calls_per_minute=6_000,
    ),
]  # fmt: skip
